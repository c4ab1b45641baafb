"""Words on a terminal: what a person reads, where colour only repeats what a word already says.

rich is imported when a terminal is written to: an answer in JSON does not wait for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attestation.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from .judging import ClauseAnswer

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


def console(*, stderr: bool = False) -> Console:
    """Where human output goes; obeys NO_COLOR, and is plain where it is not a terminal."""
    from rich.console import Console

    class Told(Console):
        """One that leaves it to `main` to say that nobody listens any more."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Told(file=sys.stderr if stderr else sys.stdout, highlight=False, markup=False, soft_wrap=True)


def styled(*parts: str | tuple[str, str]) -> Text:
    """A line of plain parts and (part, style) pairs, whatever the parts contain."""
    from rich.text import Text

    return Text.assemble(*parts)


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


def clause_lines(clause: ClauseAnswer) -> list[Text]:
    """One clause: its outcome and text; what was found, and what was expected; what would admit."""
    sign, style = _SIGNS[clause.outcome]
    word = f"{OUTCOMES[clause.outcome]:<5} {sign}"
    lines = [styled((word, style), f"  {printable(' '.join(clause.text.split()))}")]
    lines += [styled((f"         {printable(clause.reason)}", "dim" if clause.outcome == "true" else ""))]
    if clause.fix:
        lines.append(styled(f"         fix: {printable(clause.fix)}"))
    return lines
