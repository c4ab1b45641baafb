"""What `symbolon auditor prove --values-of` answers: what a claim can be in admitted tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from attestation.errors import ExitCode, Misconfigured, quoted
from policy import claim_types, schema
from policy.cel import InvalidExpression, parse
from policy.cel.condition import CompiledClause, compile_condition
from policy.cel.paths import Path, path_of
from policy.cel.rendering import render_constant
from policy.policy_set import PolicySet
from policy.proving.answers import Proved, Refuted, Undecided, Values, with_types
from policy.proving.attacking import Attack
from policy.proving.inquiry import strings_of
from policy.proving.neighbours import at
from policy.proving.prover import Prover
from policy.proving.smt.tokens import SAMPLE
from policy.wording import listed, rendered

from ..inputs import WrongUsage
from ..policy_files import NamedPolicySet, read_policy_set
from ..progress import patience
from ..rendering import print_json
from ..reports import print_report
from ..reports.record import record_of
from ..reports.report import Report, Section, Tone
from .prove import BOUNDED, misspelt, sentence_of

_MOST_CANDIDATES: Final = 32
_MOST_EXAMPLES: Final = 2
_ALL_CLAIMS: Final = "docs/reference/claims.md lists every claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A claim as it was asked for, `written` from its root.

    `holds` is what its values are: "elements" of a list, "keys" of a map, else "".
    """

    written: str
    path: Path
    holds: str

    def is_one(self, value: object) -> str:
        """The condition that this is a value of the claim, or one that it holds."""
        constant = render_constant(value)
        return f"{constant} in {self.written}" if self.holds else f"{self.written} == {constant}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Of a claim with endless values: some that a reader knows, and the elements that its list always has."""

    possible: tuple[str, ...] = ()
    always: tuple[str, ...] = ()


def show_values(
    *,
    policy: str,
    claim: str,
    accept_bounds: bool,
    documented: bool,
    attack: int,
    budget_s: float,
    output: str,
    now: datetime,
) -> ExitCode:
    """The claim's possible values in admitted tokens stand on standard output.

    Raises:
        WrongUsage: `claim` is no claim's path.
        Misconfigured: an input cannot be read, or there is no such claim.
    """
    path = _path(claim)
    with Prover(
        budget_s=budget_s,
        accept_bounds=accept_bounds,
        documented=documented,
        attack=Attack(count=attack),
    ) as prover:
        prover.start()
        named = read_policy_set(policy)
        asked = _claim(claim, path, named.policies)
        with patience("listing values"):
            values = prover.values_of(named.policies, _written(claim))
            known = _Known()
            if isinstance(values, Values) and values.finite is None:
                known = _known(prover, named.policies, asked)
    if isinstance(values, Undecided):
        wrong = [sentence_of(each) for each in misspelt(parse(asked.written), named.policies)]
        values = replace(values, reason="; ".join(wrong) or values.reason)
    if isinstance(values, Values) and values.finite is not None:
        values = replace(values, assumptions=with_types(values.assumptions, named.policies))
    question = f"what can `{claim}` be in admitted tokens?"
    record = record_of(question, [("policy", named.policy)], now=now, assumptions=values.assumptions)
    if output == "json":
        print_json(_document(values, asked, known) | {"record": record.document()})
    else:
        report = _report(values, named, claim, asked, known)
        print_report(replace(report, record=record), output=output)
    return ExitCode.UNKNOWN if isinstance(values, Undecided) else ExitCode.YES


def _written(claim: str) -> str:
    """The claim, from its root."""
    return claim if claim.split(".", 1)[0].split("[", 1)[0] in schema.ROOTS else f"assertion.{claim}"


def _path(claim: str) -> Path:
    """The claim, as a path from its root.

    Raises:
        WrongUsage: it is none.
    """
    try:
        path = path_of(parse(_written(claim)))
    except InvalidExpression:
        path = None
    if path is None:
        raise WrongUsage(f"{quoted(claim)} is not a claim's path", hint="write it as `submods.gce.zone`")
    return path


def _claim(claim: str, path: Path, policies: PolicySet) -> _Claim:
    """The claim, as it is asked for.

    A name that is documented for no token of Confidential Space, and that the policy does not read
    either, is refused: an answer about it would be false. Of another issuer's tokens no
    names are known.

    Raises:
        Misconfigured: it is no claim.
    """
    for found in misspelt(parse(_written(claim)), policies):
        if not _readers(policies, path):
            raise Misconfigured(
                found.message, hint=found.hint or "docs/reference/claims.md lists every claim"
            )
    is_mapped = path.root != "assertion" and policies.kind != "condition"
    mapped = [name for each in policies.active for name in each.mapping.expressions]
    if is_mapped and f"{path.root}.{path.keys[0]}" not in mapped:
        hint = f"it maps {listed([quoted(each) for each in dict.fromkeys(mapped)], 'and')}"
        raise Misconfigured(f"the policy maps nothing to {quoted(path.text)}", hint=hint)
    return _Claim(written=_written(claim), path=path, holds=_holds(path))


def _readers(policies: PolicySet, path: Path) -> list[CompiledClause]:
    """The clauses that read the claim."""
    return [
        clause
        for provider in policies.active
        for clause in compile_condition(provider.condition).clauses
        if any(read == path for read, _, _ in clause.paths)
    ]


def _holds(path: Path) -> str:
    claim = schema.claim_at(path.root, path.keys)
    if claim is None or claim is schema.claim_at(path.root, path.keys[:-1]):  # something in a list or a map
        return ""
    return {claim_types.ListOf: "elements", claim_types.MapOf: "keys"}.get(
        type(claim_types.without_null(claim.type)), ""
    )


def _known(prover: Prover, policies: PolicySet, asked: _Claim) -> _Known:
    possible, always = [], []
    for constant in list(_candidates(policies, asked.path))[:_MOST_CANDIDATES]:
        there = asked.is_one(constant)
        if isinstance(prover.prove(policies, f"!({there})"), Refuted):
            possible.append(constant)
            answer = prover.prove(policies, there)
            if isinstance(answer, Proved) and not answer.bounded:
                always.append(constant)
    return _Known(possible=tuple(possible), always=tuple(always))


def _candidates(policies: PolicySet, path: Path) -> dict[str, None]:
    """The constants of the clauses that read the claim, and what it is in a usual token."""
    found = dict.fromkeys(text for clause in _readers(policies, path) for text in strings_of(clause.node))
    usual = at(SAMPLE, tuple(map(str, path.keys))) if path.root == "assertion" else None
    several = list(usual) if isinstance(usual, list | dict) else [usual]
    return found | dict.fromkeys(each for each in several if isinstance(each, str))


def _document(values: Values | Undecided, asked: _Claim, known: _Known) -> dict[str, Any]:
    if isinstance(values, Undecided):
        return {
            "verdict": "undecided",
            "reason": values.reason,
            "assumptions": list(values.assumptions),
            "bounded": values.bounded,
        }
    finite = values.finite is not None
    return {
        "verdict": "finite" if finite else "unbounded",
        "of": asked.holds or "values",
        "values": list(values.finite) if values.finite is not None else None,
        "examples": list(_examples(values, known)),
        "at_least": list(known.always),
        "absent": values.absent,
        "assumptions": list(values.assumptions),
        "bounded": values.bounded,
        "attacked": values.attacked,
    }


def _examples(values: Values, known: _Known) -> tuple[object, ...]:
    """What a reader knows comes first: the policy's own constants, and last the empty text."""
    found = dict.fromkeys((*known.possible, *sorted(values.examples, key=lambda each: each == "")))
    return tuple(found)[:_MOST_EXAMPLES]


def _report(
    values: Values | Undecided, named: NamedPolicySet, claim: str, asked: _Claim, known: _Known
) -> Report:
    notes: list[str] = []
    tone: Tone = "plain"
    lines: tuple[object, ...] = ()
    of = {"elements": f"an element of `{claim}`", "keys": f"a key of `{claim}`"}.get(
        asked.holds, f"`{claim}`"
    )
    if isinstance(values, Undecided):
        answer, tone, verdict = "UNDECIDED", "warn", values.reason
    elif values.finite is None:
        answer, verdict = "UNBOUNDED", f"{of} can be anything; for example these"
        lines = _examples(values, known)
    else:
        several = len(values.finite) != 1
        what = asked.holds.removesuffix("s") if asked.holds else "value"
        answer = f"{len(values.finite)} {what}{'s' if several else ''}".upper()
        verdict, lines = f"{of} is nothing else in admitted tokens", values.finite
    if isinstance(values, Values):
        notes += ["it may also be absent"] if values.absent else []
        notes += [f"assumed: {each}" for each in values.assumptions]
        notes += [BOUNDED] if values.bounded else []
        notes += [values.attacked] if values.attacked else []
    return Report(
        title=f"values of {claim}",
        about=named.policy.name,
        answer=answer,
        tone=tone,
        verdict=verdict,
        sections=(
            Section(title="values" if not asked.holds else asked.holds, code="\n".join(map(rendered, lines))),
            Section(title="always there, at least", code="\n".join(map(rendered, known.always))),
            Section(title="beside that", lines=tuple(notes)),
        ),
    )
