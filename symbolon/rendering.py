"""Words on a terminal: what a person reads, where colour only repeats what a word already says.

The few styles are written here, not by rich: to import its console takes a tenth of a whole review.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from attestation.errors import printable

from .folding import hang_of, spans, width_of

if TYPE_CHECKING:
    from .judging import ClauseAnswer

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_NO_TERMINALS: Final = ("dumb", "unknown")

OUTCOMES = {"true": "pass", "false": "FAIL", "error": "ERROR", "unknown": "UNKN."}
"""What a clause's outcome is called in front of people."""

_SIGNS = {
    "true": ("✓", "green"),
    "false": ("✗", "bold red"),
    "error": ("!", "bold red"),
    "unknown": ("?", "bold yellow"),
}


def printable_lines(text: str) -> str:
    """`text` as `printable` shows it, with its line ends kept."""
    return "\n".join(map(printable, text.splitlines()))


def shortened(text: str, width: int) -> str:
    """`text` in at most `width` characters, its middle left out: digests keep both their ends.

    >>> shortened("sha256:0123456789abcdef", 15)
    'sha256:…9abcdef'
    """
    if len(text) <= width:
        return text
    kept = width - 1
    return text[: kept - kept // 2] + "…" + text[len(text) - kept // 2 :]


@dataclass(frozen=True, slots=True)
class Styled:
    """A text in parts, each with its style: words of `bold dim red green yellow`, or "".

    >>> line = styled(("DENY", "bold red"), "  2 of 10 clauses")
    >>> str(line[:7] + styled("…"))
    'DENY  2…'
    """

    parts: tuple[tuple[str, str], ...]
    whole: bool = False
    """It is copied as it is, and so a terminal wraps it where it likes."""

    def __str__(self) -> str:
        return "".join(text for text, _ in self.parts)

    def __add__(self, other: Styled) -> Styled:
        return Styled(self.parts + other.parts, self.whole or other.whole)

    def __getitem__(self, stretch: slice) -> Styled:
        """The characters from `stretch.start` up to `stretch.stop`, as they are styled."""
        start, stop, _ = stretch.indices(len(str(self)))
        return Styled(tuple(_cut(self.parts, start, stop)), self.whole)


def _cut(parts: Iterable[tuple[str, str]], start: int, stop: int) -> Iterator[tuple[str, str]]:
    at = 0
    for text, style in parts:
        kept = text[max(0, start - at) : max(0, stop - at)]
        at += len(text)
        if kept:
            yield kept, style


def styled(*parts: str | tuple[str, str], whole: bool = False) -> Styled:
    """A line of plain parts and (part, style) pairs, whatever they contain; folded unless `whole`."""
    return Styled(tuple((part, "") if isinstance(part, str) else part for part in parts), whole)


class Console:
    """Where human output goes; only where somebody sees it, it has colours, and is folded."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._has_colours = _shows_colours(file)
        self._width = width_of(file)

    def print(self, line: Styled | str = "", *, hang: int | None = None) -> None:
        """The line stands there, and its end; further lines of it begin after `hang` columns."""
        text = line if isinstance(line, Styled) else styled(line)
        for each in [text] if text.whole or self._width is None else _folded(text, self._width, hang):
            self._write(each)

    def _write(self, line: Styled) -> None:
        if self._has_colours:
            self._file.write("".join(_coded(text, style) for text, style in line.parts) + "\n")
        else:
            self._file.write(f"{line}\n")


def _folded(text: Styled, room: int, hang: int | None) -> Iterator[Styled]:
    """The text in lines of `room` columns, each of its own lines by itself."""
    at = 0
    for line in str(text).split("\n"):
        below = hang_of(line, room) if hang is None else hang
        for number, (start, end) in enumerate(spans(line, room, below)):
            yield styled(" " * below if number else "") + text[at + start : at + end]
        at += len(line) + 1


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error."""
    return Console(sys.stderr if stderr else sys.stdout)


def _shows_colours(file: TextIO) -> bool:
    """Source: no-color.org, force-color.org: each counts where it is there and not empty."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return file.isatty() and os.environ.get("TERM", "") not in _NO_TERMINALS


def _coded(text: str, style: str) -> str:
    """Source: ECMA-48, 8.3.117, "Select Graphic Rendition"."""
    codes = ";".join(_CODES[word] for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


def print_json(document: object) -> None:
    """One JSON document stands on standard output, in lines that a person can read."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def columns(rows: Iterable[tuple[str, str]]) -> str:
    """Two columns, the first as wide as its widest cell.

    >>> print(columns([("a", "one"), ("bcd", "two")]))
    a    one
    bcd  two
    """
    rows = list(rows)
    width = max((len(left) for left, _ in rows), default=0)
    return "\n".join(f"{left:<{width}}  {right}" for left, right in rows)


def clause_lines(clause: ClauseAnswer) -> list[Styled]:
    """One clause in lines: its outcome and text, the value found and the value expected, and the fix."""
    sign, style = _SIGNS[clause.outcome]
    word = f"{OUTCOMES[clause.outcome]:<5} {sign}"
    lines = [styled((word, style), f"  {printable(' '.join(clause.text.split()))}", whole=True)]
    lines += [styled((f"         {printable(clause.reason)}", "dim" if clause.outcome == "true" else ""))]
    if clause.fix:
        lines.append(styled(f"         fix: {printable(clause.fix)}"))
    return lines
