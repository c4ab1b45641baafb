"""A finding was accepted until a day that is over.

Source: policy/waivers.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from ..wording import quoted

SLUG: Final = "waiver-expired"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "a waiver counts no more"


def check(context: Context) -> Iterator[Finding]:
    for waiver in context.policies.waivers if context.is_first else ():
        if waiver.expires < context.today:
            yield context.finding(
                f"`{waiver.rule}` was waived until {waiver.expires.isoformat()} by {quoted(waiver.owner)}",
                hint="mend what it is about, or renew it with its reason",
                place="waivers",
                span=(0, len(waiver.rule)),
                text=waiver.rule,
            )
