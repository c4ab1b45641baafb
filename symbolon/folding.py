"""Lines that end where a terminal does, between two words; a pipe or a file has no width.

What stands in backticks is one word, since it is copied, and so is a command of gcloud's. A word that is
longer than a line is left whole; of what stands in backticks, a command with options alone.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, TextIO

_NARROWEST: Final = 40
_WIDEST: Final = 120
_USUAL: Final = 80
_ONE: Final = r"gcloud(?: [a-z][\w./@:-]*)+(?: --[\w-]+(?:=\S*[^\s;,.)])?)+"
_GCLOUD: Final = rf"{_ONE}(?: && {_ONE})*[;,.)]*"
_WORD_OF_COMMAND: Final = re.compile(r"(?:`[^`]*`|\S)+")
_WORD: Final = re.compile(rf"{_GCLOUD}|{_WORD_OF_COMMAND.pattern}")
_TYPED: Final = re.compile(r"`?(?:gcloud|symbolon) .* --")
_COLUMN: Final = re.compile(r"\s*\S+(?: \S+){0,3} {2,}(?=\S)")
"""The first column of a table's row, or a label: what follows it is folded below itself."""
_COMMAND: Final = re.compile(r"(\s+)((?:symbolon|eval|python|gcloud) .*)")
_REMARK: Final = re.compile(r"(\s+\S.*?) {2,}(\S.*)")


def width_of(file: TextIO) -> int | None:
    """The columns of the terminal that `file` is, or those of `COLUMNS`; None where it is none."""
    if not file.isatty():
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said):
        return max(_NARROWEST, min(int(said), _WIDEST))
    try:
        columns = os.get_terminal_size(file.fileno()).columns or _USUAL
    except (OSError, ValueError):
        columns = _USUAL
    return max(_NARROWEST, min(columns, _WIDEST))


def cells(text: str) -> int:
    """How many columns a terminal needs for it.

    >>> cells("e\\u0301"), cells("猫")
    (1, 2)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) != 0 for letter in text)


def hang_of(line: str, room: int) -> int:
    """Where the further lines of `line` begin: below its second column, or a little within its own indent.

    >>> hang_of("  --plan    show what would be done", 60), hang_of("a sentence", 60)
    (12, 2)
    """
    column = _COLUMN.match(line)
    if column is not None and column.end() <= room // 2:
        return column.end()
    return len(line) - len(line.lstrip()) + 2


def spans(line: str, room: int, hang: int, *, words: re.Pattern[str] = _WORD) -> list[tuple[int, int]]:
    """Where each line of the folded `line` begins and ends in it; all but the first come after `hang` spaces.

    >>> line = "one two three"
    >>> [line[start:end] for start, end in spans(line, 8, 2)]
    ['one two', 'three']
    """
    if cells(line) <= room:
        return [(0, len(line))]
    found: list[tuple[int, int]] = []
    start = end = 0
    for word in _words(line, room - hang, words):
        if end and cells(line[start : word.end()]) > room - (hang if found else 0):
            found.append((start, end))
            start = word.start()
        end = word.end()
    return [*found, (start, end)]


def _words(line: str, room: int, words: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """The words of the line; a sentence in backticks is one only where a line has room for it."""
    for word in words.finditer(line):
        if cells(word.group()) <= room or _TYPED.match(word.group()):
            yield word
        else:
            yield from re.compile(r"\S+").finditer(line, word.start(), word.end())


def fold(line: str, room: int, *, hang: int | None = None) -> str:
    """The line in lines of `room` columns."""
    below = hang_of(line, room) if hang is None else hang
    parts = [line[start:end] for start, end in spans(line, room, below)]
    return f"\n{' ' * below}".join(parts)


def fold_examples(text: str, room: int) -> str:
    """The lines of a help's end: a command stays one that a shell takes, and its remark goes below it.

    >>> print(fold_examples("  symbolon frob --this one --that another   do it", 32))
      symbolon frob --this one \\
          --that another
          do it
    """
    return "\n".join(_fold_example(line, room) for line in text.split("\n"))


def _fold_example(line: str, room: int) -> str:
    command = _COMMAND.fullmatch(line)
    if cells(line) <= room or command is None:
        return fold(line, room)
    remark = _REMARK.fullmatch(line)
    typed = remark[1] if remark else line
    below = len(command[1]) + 4
    parts = [typed[start:end] for start, end in spans(typed, room - 2, below, words=_WORD_OF_COMMAND)]
    typed = f" \\\n{' ' * below}".join(parts)
    return typed if remark is None else f"{typed}\n{fold(' ' * below + remark[2], room, hang=below)}"
