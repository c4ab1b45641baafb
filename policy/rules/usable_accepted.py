"""USABLE images work, and get no more fixes.

Source: Google Cloud documentation, "Confidential Space images", support attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel.condition import CompiledClause
from ..context import SPACE, Context
from ..findings import Finding, Severity
from ..proving.answers import Found, Undecided
from ..proving.inquiry import strings_of

SLUG: Final = "usable-accepted"
SEVERITY: Final = Severity.WARNING
TITLE: Final = "an image is asked to be USABLE, which those out of support are as well"

_ATTRIBUTES: Final = f"{SPACE}.support_attributes"
_NOT_STABLE: Final = f'has({_ATTRIBUTES}) && "USABLE" in {_ATTRIBUTES} && !("STABLE" in {_ATTRIBUTES})'


def asks(context: Context) -> Iterator[str]:
    if _clauses(context):
        yield _NOT_STABLE


def check(context: Context) -> Iterator[Finding]:
    for clause in _clauses(context):
        match context.ask(_NOT_STABLE):
            case Undecided(reason=reason):
                yield context.undecided(reason)
            case Found() as found:
                hint = f'ask `"STABLE" in {_ATTRIBUTES}`'
                yield context.finding(TITLE, hint=hint, span=clause.node.span, shown_by=found)


def _clauses(context: Context) -> list[CompiledClause]:
    """The clauses that speak of USABLE."""
    return [
        clause
        for clause in context.dossier.reads("submods.confidential_space.support_attributes")
        if "USABLE" in strings_of(clause.node)
    ]
