"""What the workload reads as its own account may be somebody else's beside it.

Source: Google Cloud documentation, "Attestation token claims", `google_service_accounts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context, among
from ..findings import Finding, Severity
from ..proving.neighbours import STRANGERS_ACCOUNT

SLUG: Final = "extra-service-accounts-possible"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "the machine may have other service accounts beside the one that is asked"


def question(context: Context) -> str:
    """That an account of the condition is there, and a stranger's as well."""
    named = [each for each in context.case.strings if "@" in each]
    accounts = "assertion.google_service_accounts"
    asked = f"{accounts}.exists(account, {among('account', named)})"
    return f'{asked} && "{STRANGERS_ACCOUNT}" in {accounts}'


def check(context: Context) -> Iterator[Finding]:
    if context.case.reads("google_service_accounts"):
        yield from context.admits(
            question(context),
            TITLE,
            hint='ask for the whole list: `assertion.google_service_accounts == ["…"]`',
            about="google_service_accounts",
        )
