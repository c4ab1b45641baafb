"""What `symbolon auditor replay` answers: which sealed runs today's policy would refuse.

Every receipt is verified first, as `receipt verify` does it, against the policy: its token's claims are
believed as of when it says that it was issued, and decided anew. Of the files that are no receipts, those
that may once have been one are rejected (they are called `receipt.json`, are no JSON object, or have a
member of an envelope), and the others are named and passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from attestation.errors import EvidenceRejected, ExitCode, Misconfigured, NotKnown, printable, quoted
from attestation.strict_json import parse_json_object
from contract.receipt import MOST_BYTES
from contract.results import RECEIPT_NAME

from ..policies import read_policies
from ..progress import patience
from ..rendering import clause_lines, console, print_json, styled
from ..result_folders import ResultFolder, open_result_folder
from .receipt import document_of
from .receipt_checks import RefusedByPolicy
from .receipt_plan import Demand, NotVerified, Verdict, Verified, verify_receipt
from .receipt_roots import trust_in

_WORDS: Final = {
    "admitted": ("still admitted", "green"),
    "refused": ("NOW REFUSED", "bold red"),
    "unknown": ("UNKNOWN", "bold yellow"),
    "rejected": ("REJECTED", "bold red"),
}
_EXIT_CODES: Final = {
    "rejected": ExitCode.REFUSED,
    "refused": ExitCode.ANSWERED_NO,
    "unknown": ExitCode.UNKNOWN,
}
"""Of the worst that was found, the first of these."""
_OF_AN_ENVELOPE: Final = frozenset(("payload", "payloadType", "signatures"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replayed:
    """One receipt, by its path below the folder, and what today's policy says of it."""

    name: str
    verdict: Verdict

    @property
    def outcome(self) -> str:
        answer = self.verdict.answer
        if isinstance(answer, Verified):
            return "admitted"
        if isinstance(answer.why, RefusedByPolicy):
            return "refused"
        return "unknown" if isinstance(answer.why, NotKnown) else "rejected"


def replay(
    *, folder: str, policy: str, root: str | None, emulator: bool, state: Path, now: float, output: str
) -> ExitCode:
    """The policy's answer to each receipt stands on standard output, and the worst one in the exit code.

    Raises:
        Misconfigured: the folder holds no receipt, or an input cannot be read.
        Denied, Unavailable: the folder cannot be read.
    """
    demand = Demand(
        trust=trust_in(root, emulator=emulator, state=state), at=now, policies=read_policies(policy)[1]
    )
    receipts = open_result_folder(folder)
    replayed, passed_over = [], []
    with patience("replaying"):
        for name, size in receipts.sizes(".json").items():
            data = _read(receipts, name, size)
            if data is None:
                passed_over.append(name)
            else:
                replayed.append(_Replayed(name=name, verdict=verify_receipt(data, demand)))
    if not replayed:
        raise Misconfigured(
            f"there is no receipt in {quoted(folder)}", hint="a receipt's name ends in `.json`"
        )
    if output == "json":
        print_json(
            {
                "receipts": [
                    {"receipt": each.name, "outcome": each.outcome, **document_of(each.verdict)}
                    for each in replayed
                ],
                "passed_over": passed_over,
            }
        )
    else:
        _print(replayed, passed_over=passed_over)
    found = {each.outcome for each in replayed}
    return next((code for outcome, code in _EXIT_CODES.items() if outcome in found), ExitCode.YES)


def _read(receipts: ResultFolder, name: str, size: int) -> bytes | None:
    """What may be a receipt, and the first bytes of one that is too large; None of what never was one."""
    is_called_so = PurePosixPath(name).name == RECEIPT_NAME
    if size > MOST_BYTES and not is_called_so:  # such as a large `job.json`
        return None
    file = receipts.open(name)
    if file is None:
        raise Misconfigured(
            f"{quoted(name)} is gone", hint="it was there a moment ago, or is a link to nothing"
        )
    with file:
        data = file.read(MOST_BYTES + 1)
    return data if is_called_so or _may_be_one(data) else None


def _may_be_one(data: bytes) -> bool:
    try:
        return not parse_json_object(data, what="file").keys().isdisjoint(_OF_AN_ENVELOPE)
    except EvidenceRejected:
        return True


def _print(replayed: Sequence[_Replayed], *, passed_over: Sequence[str]) -> None:
    terminal = console()
    counted = Counter(each.outcome for each in replayed)
    said = ", ".join(
        f"{counted[outcome]} {word.lower()}" for outcome, (word, _) in _WORDS.items() if counted[outcome]
    )
    beside = f"; files that are none: {len(passed_over)}" if passed_over else ""
    terminal.print(f"receipts: {len(replayed)}, {said}{beside}")
    for name in passed_over:
        terminal.print(f"  no receipt: {printable(name)}")
    for each in replayed:
        word, style = _WORDS[each.outcome]
        answer = each.verdict.answer
        why = (
            f"  {answer.why.code}: {printable(answer.why.message)}" if isinstance(answer, NotVerified) else ""
        )
        terminal.print(styled((f"{word:<15}", style), f" {printable(each.name)}{why}"))
        if isinstance(answer, NotVerified):
            for clause in answer.clauses:
                for line in clause_lines(clause):
                    terminal.print(line)
