"""How much memory is used, over time, tells of the model and of the data.

Source: Google Cloud documentation, "Attestation token claims", `monitoring_enabled`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import SPACE, Context
from ..findings import Finding, Severity

SLUG: Final = "memory-monitoring-admitted"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "a machine is admitted that reports its use of memory"


def question(_: Context) -> str:
    return f"{SPACE}.monitoring_enabled.memory == true"


def check(context: Context) -> Iterator[Finding]:
    return context.admits(
        question(context),
        TITLE,
        hint=f"ask `{SPACE}.monitoring_enabled.memory == false`",
        about="submods.confidential_space.monitoring_enabled",
    )
