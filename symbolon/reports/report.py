"""What a report consists of, whichever way it is shown. Its texts are plain: who shows them, escapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .record import Record

Tone: TypeAlias = Literal["good", "bad", "warn", "plain"]
ASSUMED: Final = "what is assumed of the issuer"
"""The title of a section of assumptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of as many cells as `head` has; those that begin alike stand together."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing said: `mark` is a word that says how bad it is, `label` what it is called.

    `code` is the CEL that it is about and `where` its place. `claims` are the claims of `token` that
    matter, with their values, and `shows` says what the token shows; `notes` are (what it is, text).
    """

    mark: str
    tone: Tone
    text: str
    label: str = ""
    code: str = ""
    where: str = ""
    claims: tuple[tuple[str, str], ...] = ()
    token: Mapping[str, object] | None = None
    shows: str = ""
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part with its title: a line, a table, entries, lines of a list, or an expression."""

    title: str
    text: str = ""
    table: Table | None = None
    entries: tuple[Entry, ...] = ()
    lines: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`answer` is a word or two, `verdict` a sentence, `about` says of what."""

    title: str
    about: str
    answer: str
    tone: Tone
    verdict: str
    sections: tuple[Section, ...]
    record: Record | None = None

    @property
    def shown(self) -> tuple[Section, ...]:
        """The sections in which there is something."""
        return tuple(
            each
            for each in self.sections
            if each.text or each.entries or each.lines or each.code or (each.table and each.table.rows)
        )
