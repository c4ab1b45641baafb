"""What a change of a policy changes: who is admitted now, who is refused now, by proof.

    difference = diff(old, new, prover)
    difference.verdict       # equivalent, stricter, looser, incomparable or undecided

The guarantee is that of `policy.proving`: a verdict other than `undecided` is proved on each side
where no token is shown, and each token shown was decided by the ordinary evaluator under both.

Source: docs/decisions, 0008; AWS Zelkova ("less, more, equivalent, incomparable, unknown").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..cel.condition import CompiledClause, compile_condition
from ..normalising import normalised_clauses
from ..policy_set import PolicySet, as_policy_set
from .answers import Found, Search, Undecided
from .prover import Prover
from .smt.facts import claims_of

Verdict: TypeAlias = Literal["equivalent", "stricter", "looser", "incomparable", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One clause that was taken out, put in, or became another; "" where there is none."""

    provider: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`newly_admitted` and `newly_refused` are the nearest such tokens; None where there is none.

    With a `reason`, one of the two is undecided, and its None says nothing: the verdict is `looser` where
    somebody is newly admitted all the same, else `undecided`. `assumptions` are those of the proofs, and
    those under which what is undecided would be proved. `changes` is how the
    texts differ, for people: it decides nothing.
    """

    verdict: Verdict
    newly_admitted: Mapping[str, object] | None
    newly_refused: Mapping[str, object] | None
    changes: tuple[Change, ...]
    assumptions: tuple[str, ...]
    bounded: bool
    reason: str = ""

    @property
    def grants_access(self) -> bool:
        """Whether the change may admit somebody: undecided is no "no"."""
        return self.newly_admitted is not None or self.verdict == "undecided"


def diff(old: PolicySet | str, new: PolicySet | str, prover: Prover) -> Difference:
    """How `new` differs from `old`.

    Raises:
        InvalidExpression: a condition that Google would refuse.
    """
    before, after = as_policy_set(old), as_policy_set(new)
    admitted = prover.find_newly_admitted(before, after)
    refused = prover.find_newly_admitted(after, before)
    proofs = [each for each in (admitted, refused) if not isinstance(each, Found)]
    return Difference(
        verdict=_verdict(admitted, refused),
        newly_admitted=admitted.token if isinstance(admitted, Found) else None,
        newly_refused=refused.token if isinstance(refused, Found) else None,
        changes=tuple(_changes(before, after)),
        assumptions=tuple(sorted({label for each in proofs for label in each.assumptions})),
        bounded=any(each.bounded for each in proofs),
        reason=next((each.reason for each in (admitted, refused) if isinstance(each, Undecided)), ""),
    )


def _verdict(admitted: Search, refused: Search) -> Verdict:
    if isinstance(admitted, Found) and isinstance(refused, Found):
        return "incomparable"
    if isinstance(admitted, Found):
        return "looser"
    if isinstance(admitted, Undecided) or isinstance(refused, Undecided):
        return "undecided"
    return "stricter" if isinstance(refused, Found) else "equivalent"


def _changes(before: PolicySet, after: PolicySet) -> list[Change]:
    """The clauses that differ, of providers with the same name, or of the only ones there are."""
    old = {provider.name: provider.condition for provider in before.active}
    new = {provider.name: provider.condition for provider in after.active}
    if len(old) == len(new) == 1:
        name = next(iter(new))
        return _clause_changes(name, next(iter(old.values())), new[name])
    return [
        change
        for name in dict.fromkeys([*old, *new])
        for change in _clause_changes(name, old.get(name), new.get(name))
    ]


def _clause_changes(name: str, before: str | None, after: str | None) -> list[Change]:
    """Clauses are compared in canonical form and shown as written; those about the same claims are paired."""
    old = {} if before is None else _clauses(before)
    new = {} if after is None else _clauses(after)
    gone = [clause for form, clause in old.items() if form not in new]
    come = [clause for form, clause in new.items() if form not in old]
    changes = []
    for clause in gone:
        other = next((each for each in come if claims_of(each.node) == claims_of(clause.node)), None)
        if other is not None:
            come.remove(other)
        changes.append(Change(provider=name, before=clause.text, after="" if other is None else other.text))
    return changes + [Change(provider=name, before="", after=clause.text) for clause in come]


def _clauses(condition: str) -> dict[str, CompiledClause]:
    return dict(zip(normalised_clauses(condition), compile_condition(condition).clauses, strict=True))
