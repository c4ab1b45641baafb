"""A workload that is restarted for ever can be made to answer for ever.

It speaks only of a condition that speaks of restarts: an operator can always launch again.
Source: google/go-tpm-tools, launcher/spec/launch_spec.go, `tee-restart-policy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import CONTAINER, Context
from ..findings import Finding, Severity

SLUG: Final = "restart-always-admitted"
SEVERITY: Final = Severity.LOW
TITLE: Final = "a workload is admitted that is started again whenever it ends"


def question(_: Context) -> str:
    return f'{CONTAINER}.restart_policy == "Always"'


def check(context: Context) -> Iterator[Finding]:
    if context.case.reads("submods.container.restart_policy"):
        yield from context.admits(
            question(context),
            TITLE,
            hint=f'ask `{CONTAINER}.restart_policy == "Never"`',
            about="submods.container.restart_policy",
        )
