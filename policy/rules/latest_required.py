"""A job that began on the latest image loses access in the middle of it.

Source: Google Cloud documentation, "Confidential Space images": LATEST is not for long jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel.condition import CompiledClause
from ..context import SPACE, Context
from ..findings import Finding, Severity
from ..proving.answers import NoneFound, Undecided
from ..proving.inquiry import strings_of

SLUG: Final = "latest-required"
SEVERITY: Final = Severity.WARNING
TITLE: Final = "only the latest image is admitted, which ends when the next one is published"

_ATTRIBUTES: Final = f"{SPACE}.support_attributes"
_NOT_LATEST: Final = f'(!has({SPACE}) || !has({_ATTRIBUTES}) || !("LATEST" in {_ATTRIBUTES}))'


def asks(context: Context) -> Iterator[str]:
    inquiry = context.dossier.inquiry
    if _clauses(context) and inquiry is not None and not isinstance(inquiry.example, NoneFound):
        yield _NOT_LATEST


def check(context: Context) -> Iterator[Finding]:
    for question in asks(context):
        match context.ask(question):
            case NoneFound():
                hint = f'ask `"STABLE" in {_ATTRIBUTES}` instead'
                yield context.finding(TITLE, hint=hint, span=_clauses(context)[0].node.span)
            case Undecided(reason=reason):
                yield context.undecided(reason)


def _clauses(context: Context) -> list[CompiledClause]:
    """The clauses that speak of LATEST."""
    return [
        clause
        for clause in context.dossier.reads("submods.confidential_space.support_attributes")
        if "LATEST" in strings_of(clause.node)
    ]
