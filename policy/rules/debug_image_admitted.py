"""Whoever launches a debug image has a shell in it, and reads the model from memory.

Source: Google Cloud documentation, "Confidential Space images"; `dbgstat` of real tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import IN_SPACE, Context
from ..findings import Finding, Severity

SLUG: Final = "debug-image-admitted"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "a debug image is admitted: its operator can look inside"


def question(_: Context) -> str:
    return f'{IN_SPACE} && assertion.dbgstat != "disabled-since-boot"'


def check(context: Context) -> Iterator[Finding]:
    return context.admits(
        question(context), TITLE, hint='ask `assertion.dbgstat == "disabled-since-boot"`', about="dbgstat"
    )
