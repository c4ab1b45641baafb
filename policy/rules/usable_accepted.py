"""USABLE images work, and get no more fixes.

Source: Google Cloud documentation, "Confidential Space images", support attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import SPACE, Context
from ..findings import Finding, Severity
from ..proving.answers import Found, Undecided
from ..proving.inquiry import strings_of

SLUG: Final = "usable-accepted"
SEVERITY: Final = Severity.WARNING
TITLE: Final = "an image is asked to be USABLE, which those out of support are as well"

_ATTRIBUTES: Final = f"{SPACE}.support_attributes"


def check(context: Context) -> Iterator[Finding]:
    for clause in context.case.reads("submods.confidential_space.support_attributes"):
        if "USABLE" in strings_of(clause.node):
            usable = f'has({_ATTRIBUTES}) && "USABLE" in {_ATTRIBUTES} && !("STABLE" in {_ATTRIBUTES})'
            found = context.ask(usable)
            if isinstance(found, Undecided):
                yield context.undecided(found.reason)
            elif isinstance(found, Found):
                yield context.finding(
                    TITLE,
                    hint=f'ask `"STABLE" in {_ATTRIBUTES}`',
                    span=clause.node.span,
                    shown_by=found,
                )
