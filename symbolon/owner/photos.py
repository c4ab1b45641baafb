"""The owner's photos: which files of a folder they are, and what a model says of them in lines for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from attestation.errors import Misconfigured, printable, quoted
from contract.job import PICTURE_SUFFIXES, is_picture

from ..folding import width_of
from ..rendering import Styled, shortened, styled

_OF_A_PIPE = 1_000_000
_SHORTEST = 8
_MORE = "   …"


def photos_in(folder: Path) -> tuple[Path, ...]:
    """The files below the folder that are photos by their names, sorted.

    Raises:
        Misconfigured: it is no folder, or there is none.
    """
    try:
        found = sorted(path for path in folder.rglob("*") if is_picture(path.name) and path.is_file())
        is_folder = folder.is_dir()
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise Misconfigured(f"cannot read the photos in {quoted(str(folder))}: {reason}") from None
    if not is_folder:
        raise Misconfigured(f"there is no folder {quoted(str(folder))}", hint="name a folder with photos")
    if not found:
        raise Misconfigured(
            f"there is no photo in {quoted(str(folder))}", hint=f"photos end in {', '.join(PICTURE_SUFFIXES)}"
        )
    return tuple(found)


def width() -> int:
    """Columns of the terminal, within what can be read; a pipe has as many as anybody needs."""
    return width_of(sys.stdout) or _OF_A_PIPE


def best_lines(
    answers: Iterable[tuple[str, Sequence[tuple[str, float]]]], *, digits: int, columns: int
) -> list[Styled]:
    """A line for each name, with its classes beside one another, best first; `…` where there is no more room.

    >>> rows = [("a.jpg", [("cat", 0.9), ("dog", 0.05)])]
    >>> [str(line) for columns in (40, 22) for line in best_lines(rows, digits=2, columns=columns)]
    ['  a.jpg  cat 0.90   dog 0.05', '  a.jpg  cat 0.90   …']
    """
    rows = [(printable(name), best) for name, best in answers]
    first = min(max((len(name) for name, _ in rows), default=0), columns // 3)
    lines = []
    for name, best in rows:
        parts: list[str | tuple[str, str]] = [f"  {shortened(name, first):<{first}}"]
        used = len(str(styled(*parts)))
        for number, (label, score) in enumerate(best):
            value = f" {score:.{digits}f}"
            gap = "   " if number else "  "
            cell = f"{gap}{shortened(printable(label), max(_SHORTEST, columns // 3))}{value}"
            if number and used + len(cell) > columns - len(_MORE) * (number + 1 < len(best)):
                parts.append((_MORE, "dim"))
                break
            parts.append((cell, "" if number else "bold"))
            used += len(cell)
        lines.append(styled(*parts))
    return lines
