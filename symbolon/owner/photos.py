"""The owner's photos: which files of a folder they are, and what a model says of them in lines for people."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from attestation.errors import Misconfigured, printable, quoted
from contract.job import PICTURE_SUFFIXES, is_picture

from ..rendering import Styled, shortened, styled

_NARROWEST, _WIDEST = 40, 120


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
    """Columns of the terminal, within what can be read."""
    return max(_NARROWEST, min(shutil.get_terminal_size((100, 24)).columns, _WIDEST))


def best_lines(
    answers: Iterable[tuple[str, Sequence[tuple[str, float]]]], *, digits: int, columns: int
) -> list[Styled]:
    """A line for each name, with its classes beside one another, best first, as many as there is room for.

    >>> [line] = best_lines([("a.jpg", [("cat", 0.9), ("dog", 0.05)])], digits=2, columns=40)
    >>> str(line)
    '  a.jpg  cat 0.90   dog 0.05'
    """
    rows = list(answers)
    first = min(max((len(name) for name, _ in rows), default=0), columns // 3)
    lines = []
    for name, best in rows:
        text, parts = f"  {shortened(printable(name), first):<{first}}", []
        for number, (label, score) in enumerate(best):
            room = columns - len(text)
            cell = f" {score:.{digits}f}"
            label = shortened(printable(label), max(8, min(30, room - len(cell) - 3)))
            if number and room < len(label) + len(cell) + 3:
                break
            parts.append((f"{'  ' if number == 0 else '   '}{label}{cell}", "" if number else "bold"))
            text += parts[-1][0]
        lines.append(styled(f"  {shortened(printable(name), first):<{first}}", *parts))
    return lines
