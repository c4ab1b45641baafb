"""An image that is only USABLE is out of support soon; an EXPERIMENTAL one never was in it.

Source: Google Cloud documentation, "Confidential Space images", support attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import IN_SPACE, SPACE, Context
from ..findings import Finding, Severity

SLUG: Final = "stable-not-required"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "an image is admitted that Google does not support as stable"


def question(_: Context) -> str:
    attributes = f"{SPACE}.support_attributes"
    production = f'{IN_SPACE} && assertion.dbgstat == "disabled-since-boot"'
    return f'{production} && has({attributes}) && !("STABLE" in {attributes})'


def check(context: Context) -> Iterator[Finding]:
    return context.admits(
        question(context),
        TITLE,
        hint=f'ask `"STABLE" in {SPACE}.support_attributes`',
        about="submods.confidential_space.support_attributes",
    )
