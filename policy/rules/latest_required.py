"""A job that began on the latest image loses access in the middle of it.

Source: Google Cloud documentation, "Confidential Space images": LATEST is not for long jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import SPACE, Context
from ..findings import Finding, Severity
from ..proving.answers import NoneFound, Undecided
from ..proving.inquiry import strings_of

SLUG: Final = "latest-required"
SEVERITY: Final = Severity.WARNING
TITLE: Final = "only the latest image is admitted, which ends when the next one is published"

_ATTRIBUTES: Final = f"{SPACE}.support_attributes"


def check(context: Context) -> Iterator[Finding]:
    inquiry = context.case.inquiry
    asking = [
        clause
        for clause in context.case.reads("submods.confidential_space.support_attributes")
        if "LATEST" in strings_of(clause.node)
    ]
    if not asking or inquiry is None or isinstance(inquiry.example, NoneFound):
        return
    not_latest = f'!has({SPACE}) || !has({_ATTRIBUTES}) || !("LATEST" in {_ATTRIBUTES})'
    match context.ask(f"({not_latest})"):
        case NoneFound():
            hint = f'ask `"STABLE" in {_ATTRIBUTES}` instead'
            yield context.finding(TITLE, hint=hint, span=asking[0].node.span)
        case Undecided(reason=reason):
            yield context.undecided(reason)
