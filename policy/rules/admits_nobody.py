"""Nobody is admitted, the honest operator included.

The finding names as few clauses as exclude one another: without any one of them they would not.
Source: policy/proving/prover.py, for what is proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from ..proving.answers import NoneFound, Undecided
from ..wording import listed, quoted

SLUG: Final = "admits-nobody"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "no token satisfies the condition"


def check(context: Context) -> Iterator[Finding]:
    inquiry = context.dossier.inquiry
    if inquiry is None:
        return
    match inquiry.example:
        case NoneFound():
            core, assumptions = inquiry.core()
            yield from _finding(context, core, assumptions)
        case Undecided(reason=reason):
            yield context.undecided(reason)


def _finding(context: Context, core: tuple[int, ...], assumptions: tuple[str, ...]) -> Iterator[Finding]:
    clauses = [context.dossier.clauses[number] for number in core]
    shown = listed([quoted(clause.text) for clause in clauses], "and")
    because = f", since {listed(list(assumptions), 'and')}" if assumptions else ""
    message = "the mapping refuses every token" + because
    if clauses:
        message = f"no token satisfies {shown}{' together' if len(clauses) > 1 else ''}{because}"
    yield context.finding(message, span=clauses[0].node.span if clauses else None)
