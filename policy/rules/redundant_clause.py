"""The other clauses already refuse whatever this one refuses.

A clause that keeps nothing out only because of what the issuer guarantees is information, no more: it is
right to have it for the day when that ends. Where a condition has the three locks on its environment that
`policy/attribute_conditions.py` writes, that is their purpose, and the review's table says so of them.
Source: cedar-policy/cedar, symcc, for the question; docs/decisions, 0009.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ..attribute_conditions import field_of
from ..context import Context, Dossier
from ..findings import Finding, Severity
from ..proving.answers import Found, NoneFound, Undecided
from ..proving.inquiry import Key
from ..proving.smt.facts import FACTS
from ..wording import listed, quoted

SLUG: Final = "redundant-clause"
SEVERITY: Final = Severity.WARNING
TITLE: Final = "a clause that keeps nothing out"

_GUARANTEES: Final = frozenset(fact.label for fact in FACTS)
_LOCKS: Final = {("where", "swname"), ("where", "support_attribute"), ("where", "dbgstat")}
_IMPLIED: Final = {("where", "swname"), ("where", "dbgstat")}
"""The locks that the issuer's guarantees make of the third one."""


def asks(context: Context) -> Iterator[Key]:
    inquiry = context.dossier.inquiry
    if inquiry is not None and isinstance(inquiry.example, Found):
        yield from range(len(context.dossier.clauses))


def check(context: Context) -> Iterator[Finding]:
    inquiry = context.dossier.inquiry
    if inquiry is None:
        return
    if context.dossier.clauses and isinstance(inquiry.example, Undecided):
        yield context.undecided(inquiry.example.reason)
    if not isinstance(inquiry.example, Found):
        return
    locks = _locks(context.dossier)
    reasons = []
    for number, clause in enumerate(context.dossier.clauses):
        message = f"{quoted(clause.text)} keeps nothing out that the rest does not"
        match inquiry.ask_clause(number):
            case NoneFound(bounded=True):
                continue
            case NoneFound(assumptions=assumptions) if not _GUARANTEES.intersection(assumptions):
                yield context.finding(message, hint="leave it out", span=clause.node.span)
            case NoneFound(assumptions=assumptions) if number not in locks:
                message += f", since {listed(list(assumptions), 'and')}"
                hint = "keep it as a second lock, for the day when that is no longer so, or leave it out"
                found = context.finding(message, hint=hint, span=clause.node.span)
                yield replace(found, severity=Severity.INFO)
            case Undecided(reason=reason):
                reasons.append(reason)
    if reasons:
        yield context.undecided(reasons[0])


def _locks(dossier: Dossier) -> frozenset[int]:
    """The clauses of this condition that repeat a lock by design: it has all three, as we write them."""
    fields = [field_of(clause.node) for clause in dossier.clauses]
    if not _LOCKS.issubset(fields):
        return frozenset()
    return frozenset(number for number, field in enumerate(fields) if field in _IMPLIED)
