"""The other clauses already refuse whatever this one refuses.

A clause that keeps nothing out only because of what the issuer guarantees is no finding: it stays
right when the guarantee ends. The review says so of it.
Source: cedar-policy/cedar, symcc, for the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from ..proving import Found, NoneFound, Undecided
from ..smt.facts import FACTS
from ..wording import quoted

SLUG: Final = "redundant-clause"
SEVERITY: Final = Severity.WARNING
TITLE: Final = "a clause that keeps nothing out"

_GUARANTEES: Final = frozenset(fact.label for fact in FACTS)


def check(context: Context) -> Iterator[Finding]:
    evidence = context.case.evidence
    if evidence is None:
        return
    if context.case.clauses and isinstance(evidence.example, Undecided):
        yield context.undecided(evidence.example.reason)
    if not isinstance(evidence.example, Found):
        return
    for number, clause in enumerate(context.case.clauses):
        match evidence.ask_clause(number):
            case NoneFound(assumptions=assumptions, bounded=False) if not _GUARANTEES.intersection(
                assumptions
            ):
                message = f"{quoted(clause.text)} keeps nothing out that the rest does not"
                yield context.finding(message, hint="leave it out", span=clause.node.span)
