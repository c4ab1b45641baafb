"""Every failure that a person can act on, in families by who acts next.

A message is one line: lower case, no full stop, the offending input in backticks.
What to do about it stands apart, in `hint`. Neither ever holds a token, a key,
a model's bytes or a path of the machine it happened on.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a process of this project says with its exit status."""

    YES = 0
    BUG = 1
    USAGE = 2
    ANSWERED_NO = 3
    REFUSED = 4
    UNAVAILABLE = 5
    UNKNOWN = 6
    MISCONFIGURED = 7


def printable(text: str) -> str:
    r"""`text` with whatever a terminal would obey instead of show written as an escape.

    >>> print(printable("a" + chr(27) + "[2J" + chr(0x202e) + "b"))
    a\x1b[2J\u202eb
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def quoted(text: str, *, most_characters: int = 80) -> str:
    """`text` in backticks, as a message may show it: one line, printable, and not too long.

    >>> print(quoted("a" + chr(10) + "b"))
    `a\\nb`
    >>> print(quoted("x" * 100, most_characters=4))
    `xxxx…`
    """
    shown = printable(text[:most_characters]).replace("`", r"\x60")
    return f"`{shown}…`" if len(text) > most_characters else f"`{shown}`"


class SymbolonError(Exception):
    """A failure with a message for people, a hint, and the exit code of its family.

    `family` is the word written into `error.json`; `code` is the slug that names this
    failure in reports and in `symbolon --explain`.
    """

    family: ClassVar[str] = "bug"
    code: ClassVar[str] = "bug"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Misconfigured(SymbolonError):
    """Whoever wrote the configuration acts next."""

    family = "misconfigured"
    code = "misconfigured"
    exit_code = ExitCode.MISCONFIGURED


class EvidenceRejected(SymbolonError):
    """The evidence is not what it claims to be; nobody should act on it."""

    family = "evidence-rejected"
    code = "evidence-rejected"
    exit_code = ExitCode.REFUSED


class Denied(SymbolonError):
    """The owner's condition, or a permission, said no."""

    family = "denied"
    code = "denied"
    exit_code = ExitCode.REFUSED


class NotKnown(SymbolonError):
    """Neither yes nor no: what the platform would answer is not known to this project."""

    family = "not-known"
    code = "not-known"
    exit_code = ExitCode.UNKNOWN


class Unavailable(SymbolonError):
    """A service did not answer as it should; the same call may succeed later."""

    family = "unavailable"
    code = "unavailable"
    exit_code = ExitCode.UNAVAILABLE
