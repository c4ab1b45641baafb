"""Some overrides are refused, others are not: what runs in the end is for `args` to say.

Source: Google Cloud documentation, "Attestation token claims", `args` and `cmd_override`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import CONTAINER, Context
from ..findings import Finding, Severity
from ..proving.answers import NoneFound, Undecided
from . import command_override_admitted
from .command_override_admitted import args_not_named

SLUG: Final = "args-unpinned-with-override"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "a command override is admitted, and the command line that results is not written out"


def question(context: Context) -> str:
    return f"size({CONTAINER}.cmd_override) > 0 && {args_not_named(context)}"


def check(context: Context) -> Iterator[Finding]:
    any_command = context.ask(command_override_admitted.question(context))
    answer = context.admits(
        question(context),
        TITLE,
        hint=f'ask for the whole command line as well: `{CONTAINER}.args == ["…"]`',
        about="submods.container.cmd_override",
    )
    if isinstance(any_command, NoneFound):  # otherwise the graver rule has said so
        yield from answer
    elif isinstance(any_command, Undecided):
        yield context.undecided(any_command.reason)
