"""Confidential Space measures what it boots; Secure Boot refuses what nobody signed before that.

Source: Google Cloud documentation, "Attestation token claims", `secboot`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import IN_SPACE, Context
from ..findings import Finding, Severity

SLUG: Final = "secure-boot-not-required"
SEVERITY: Final = Severity.LOW
TITLE: Final = "a machine is admitted that may have booted unsigned software"


def question(_: Context) -> str:
    return f"{IN_SPACE} && assertion.secboot == false"


def check(context: Context) -> Iterator[Finding]:
    return context.admits(question(context), TITLE, hint="ask `assertion.secboot == true`", about="secboot")
