"""Without a project or an account of the operator's, whoever has the image is the operator.

Source: Google Cloud documentation, "Attestation token claims", `submods.gce`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from ..proving.neighbours import STRANGER, STRANGERS_ACCOUNT, STRANGERS_NUMBER, STRANGERS_SUB

SLUG: Final = "project-not-pinned"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "anybody's project, with anybody's service account, may run the workload"


def question(_: Context) -> str:
    """That neither the project nor the account is one that the condition could mean."""
    return " && ".join(
        (
            f'assertion.submods.gce.project_id == "{STRANGER}"',
            f'assertion.submods.gce.project_number == "{STRANGERS_NUMBER}"',
            f'assertion.sub == "{STRANGERS_SUB}"',
            f'assertion.google_service_accounts == ["{STRANGERS_ACCOUNT}"]',
        )
    )


def check(context: Context) -> Iterator[Finding]:
    return context.admits(
        question(context),
        TITLE,
        hint='ask `assertion.submods.gce.project_number == "…"`, or for the service account',
        about="submods.gce",
    )
