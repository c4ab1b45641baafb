"""An image whose label allows it runs `tee-cmd` instead of its command: a shell, if it has one.

Source: google/go-tpm-tools, launcher/spec/launch_spec.go; Google Cloud documentation, `cmd_override`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import CONTAINER, Context, among
from ..findings import Finding, Severity
from ..proving.neighbours import STRANGERS_COMMAND

SLUG: Final = "command-override-admitted"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "whoever launches the workload may give it another command"


def question(context: Context) -> str:
    """That a command of nobody's choosing but the operator's is run."""
    command = f'{CONTAINER}.cmd_override == ["{STRANGERS_COMMAND}"]'
    return f'{command} && "{STRANGERS_COMMAND}" in {CONTAINER}.args && {args_not_named(context)}'


def args_not_named(context: Context) -> str:
    """That the whole command line is not one that the condition writes out."""
    return f"!({among(f'{CONTAINER}.args', context.case.lists)})"


def check(context: Context) -> Iterator[Finding]:
    claim = f"{CONTAINER}.cmd_override"
    return context.admits(
        question(context),
        TITLE,
        hint=f"ask `!has({claim}) || size({claim}) == 0`",
        about="submods.container.cmd_override",
    )
