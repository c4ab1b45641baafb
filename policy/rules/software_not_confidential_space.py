"""The same issuer signs tokens of machines without Confidential Space: they say nothing of a workload.

Source: Google Cloud documentation, "Attestation token claims", `swname`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "software-not-confidential-space"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "a machine is admitted that does not run Confidential Space"


def question(_: Context) -> str:
    return 'assertion.swname != "CONFIDENTIAL_SPACE"'


def check(context: Context) -> Iterator[Finding]:
    return context.admits(
        question(context), TITLE, hint='ask `assertion.swname == "CONFIDENTIAL_SPACE"`', about="swname"
    )
