"""What `symbolon auditor receipt verify` answers: whether a receipt proves what it says, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, ExitCode, NotKnown, SymbolonError, printable
from contract.dsse import parse_public_key
from contract.receipt import ReceiptFormatUnknown, Statement, row_leaf
from contract.row_proof import RowProof, parse_row_proof

from ..handed_tokens import moment
from ..inputs import check_named_once, read_bytes
from ..policies import read_policies
from ..progress import patience
from ..rendering import Styled, clause_lines, console, print_json, styled
from ..result_folders import open_result_folder
from .receipt_plan import Demand, NotVerified, Step, Taken, Verdict, Verified, verify_receipt
from .receipt_roots import trust_in

_SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "pass": ("pass  ✓", "green"),
    "fail": ("FAIL  ✗", "bold red"),
    "unknown": ("UNKN. ?", "bold yellow"),
    "not-asked": ("-      ", "dim"),
    "not-reached": ("       ", "dim"),
}


def verify(
    *,
    receipt: str,
    results: str | None,
    policy: str | None,
    image_digest: Digest | None,
    root: str | None,
    emulator: bool,
    state: Path,
    at: float | None,
    row: str | None,
    proof: str | None,
    broker_key: str | None,
    now: float,
    output: str,
) -> ExitCode:
    """The verdict stands on standard output, with every step that it comes from.

    Raises:
        ProofRejected: the proof is none.
        Misconfigured: an input cannot be read.
        Denied, Unavailable: the results cannot be read.
    """
    check_named_once(receipt, policy, root, row, proof)
    demand = Demand(
        trust=trust_in(root, emulator=emulator, state=state),
        at=now if at is None else at,
        image_digest=image_digest,
        policies=None if policy is None else read_policies(policy)[1],
        results=None if results is None else open_result_folder(results),
        proof=_read_proof(row, proof),
        broker_key=None if broker_key is None else parse_public_key(broker_key, where="--broker-key"),
    )
    data = read_bytes(receipt, what="receipt")
    with patience("verifying"):
        verdict = verify_receipt(data, demand)
    if output == "json":
        print_json(document_of(verdict))
    else:
        for line in _lines(verdict, demand):
            console().print(line)
    return exit_code_of(verdict)


def exit_code_of(verdict: Verdict) -> ExitCode:
    """0 for verified, 6 for an open question, else that of the family of what does not hold."""
    return ExitCode.YES if isinstance(verdict.answer, Verified) else verdict.answer.why.exit_code


def document_of(verdict: Verdict) -> dict[str, object]:
    """The verdict as `--format json` shows it."""
    document: dict[str, object] = {
        "verdict": word_of(verdict),
        "emulator": isinstance(verdict.answer, Verified) and verdict.answer.emulator,
        "claimed_at": None if verdict.claims is None else verdict.claims.claims.iat,
        "steps": [
            {"step": each.step.value, "outcome": each.outcome, "said": each.said, "anchor": each.anchor}
            for each in verdict.steps
        ],
    }
    if isinstance(verdict.answer, NotVerified):
        why = verdict.answer.why
        document["why"] = {"code": why.code, "message": why.message, "hint": why.hint}
        document["clauses"] = [clause.document() for clause in verdict.answer.clauses]
    if verdict.statement is not None:
        document["statement"] = _said(verdict.statement)
    return document


def word_of(verdict: Verdict) -> str:
    """`verified`, `rejected`, `denied` or `open`."""
    if isinstance(verdict.answer, Verified):
        return "verified"
    match verdict.answer.why:
        case NotKnown():
            return "open"
        case EvidenceRejected() | ReceiptFormatUnknown():
            return "rejected"
    return "denied"


def _read_proof(row: str | None, proof: str | None) -> RowProof | None:
    """The proof, of the row that was handed in: of its own where none was, or where that is all there is."""
    if proof is None and row is None:
        return None
    read = parse_row_proof(read_bytes(proof or row or "", what="proof"))
    if proof is None or row is None:
        return read
    line = row_leaf(read_bytes(row, what="row"))
    return RowProof(index=read.index, size=read.size, row=line, hashes=read.hashes)


def _lines(verdict: Verdict, demand: Demand) -> list[str | Styled]:
    lines: list[str | Styled] = [_headline(verdict)]
    passed = {each.step for each in verdict.steps if each.outcome == "pass"}
    if verdict.statement is not None and Step.STATEMENT in passed:
        lines += _statement_lines(verdict.statement, verdict)
    if verdict.steps[0].outcome == "pass":  # what is no receipt has no steps to look at
        lines.append("")
        lines += [_step_line(each) for each in verdict.steps]
    if isinstance(verdict.answer, NotVerified):
        for clause in verdict.answer.clauses:
            lines += clause_lines(clause)
        if verdict.answer.why.hint:
            lines += ["", f"hint: {printable(verdict.answer.why.hint)}"]
    if demand.proof is not None and Step.ROW in passed:
        lines += ["", printable(demand.proof.row.decode("utf-8", "replace"))]
    return lines


def _headline(verdict: Verdict) -> Styled:
    if isinstance(verdict.answer, Verified):
        if verdict.answer.emulator:
            said = "  an emulator's: it fits together, which says nothing of any machine"
            return styled(("VERIFIED (emulator)", "bold yellow"), said)
        looked = Step.RESULTS in {each.step for each in verdict.steps if each.outcome == "pass"}
        said = "image, model, inputs and results belong together"
        if not looked:
            said = "this image said so of its run; the results themselves were not looked at"
        return styled(("VERIFIED", "bold green"), f"  {said}")
    why: SymbolonError = verdict.answer.why
    style = "bold yellow" if isinstance(why, NotKnown) else "bold red"
    code = "" if isinstance(why, NotKnown) else f"{why.code}: "
    return styled((word_of(verdict).upper(), style), f"  {code}{printable(why.message)}")


def _statement_lines(statement: Statement, verdict: Verdict) -> list[str]:
    claimed = "" if verdict.claims is None else f", sealed {moment(verdict.claims.claims.iat)} (claimed)"
    generation = "" if statement.model_generation is None else f" #{statement.model_generation}"
    facts = (
        ("image", f"{statement.image_digest}{claimed}"),
        ("model", f"{statement.model_uri}{generation}, {statement.model_digest}"),
        *([("manifest", f"{statement.sealed_manifest}, sealed")] if statement.sealed_manifest else []),
        *([("release", f"by request {statement.release.request}")] if statement.release else []),
        ("inputs", f"{statement.inputs.size} of {statement.input_uri}"),
        ("results", f"{statement.result_uri}, {statement.unreadable or 'no'} rows are errors"),
    )
    return [printable(f"{name:<8} {said}") for name, said in facts]


def _step_line(taken: Taken) -> Styled:
    sign, style = _SIGNS[taken.outcome]
    rests = f"  [{taken.anchor}]" if taken.anchor else ""
    said = taken.said or ("not reached" if taken.outcome == "not-reached" else "")
    return styled((sign, style), f"  {taken.step.value:<12} {printable(said)}", (rests, "dim"))


def _said(statement: Statement) -> dict[str, object]:
    """The statement in short, for a program that shows it; the receipt has all of it."""
    return {
        "mode": statement.mode,
        "image": statement.image_digest,
        "reference": statement.image_reference,
        "model": {
            "uri": statement.model_uri,
            "generation": None if statement.model_generation is None else str(statement.model_generation),
            "digest": statement.model_digest,
            "sealed_manifest": statement.sealed_manifest,
        },
        "release": None
        if statement.release is None
        else {"request": statement.release.request, "index": str(statement.release.logged.index)},
        "terms": statement.terms_digest,
        "job": statement.job_digest,
        "input": statement.input_uri,
        "result": statement.result_uri,
        "rows": statement.rows.size,
        "unreadable": statement.unreadable,
        "left_out": dict(statement.left_out),
        "began_at": statement.began_at,
        "ended_at": statement.ended_at,
    }
