"""Some overrides are refused, others are not: what runs in the end is for `args` to say.

Source: Google Cloud documentation, "Attestation token claims", `args` and `cmd_override`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import CONTAINER, Context
from ..findings import Finding, Severity
from ..proving.answers import NoneFound, Undecided
from .by_admission import BY_ADMISSION, args_not_named

SLUG: Final = "args-unpinned-with-override"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "a command override is admitted, and the command line that results is not written out"


_ANY_COMMAND: Final = BY_ADMISSION["command-override-admitted"]


def asks(context: Context) -> Iterator[str]:
    yield _ANY_COMMAND.question_of(context.dossier)
    yield f"size({CONTAINER}.cmd_override) > 0 && {args_not_named(context.dossier)}"


def check(context: Context) -> Iterator[Finding]:
    any_command_question, question = asks(context)
    any_command = context.ask(any_command_question)
    answer = context.admits(
        question,
        TITLE,
        hint=f'ask for the whole command line as well: `{CONTAINER}.args == ["…"]`',
        about="submods.container.cmd_override",
    )
    if isinstance(any_command, NoneFound):  # otherwise the graver rule has said so
        yield from answer
    elif isinstance(any_command, Undecided):
        yield context.undecided(any_command.reason)
