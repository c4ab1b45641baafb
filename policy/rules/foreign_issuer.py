"""Only the verifier's tokens are about a measured machine.

Source: Google Cloud documentation, "Attestation token claims", `iss`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attestation.issuer import ISSUER

from ..context import Context
from ..findings import Finding, Severity
from ..wording import quoted

SLUG: Final = "foreign-issuer"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "the provider believes another issuer than Google's attestation verifier"


def check(context: Context) -> Iterator[Finding]:
    if context.provider.issuer != ISSUER:
        yield context.finding(
            f"the issuer is {quoted(context.provider.issuer)}",
            hint=f"Confidential Space tokens come from `{ISSUER}`",
        )
