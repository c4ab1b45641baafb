"""A report on a terminal, wrapped to its width; a line of code is copied, and so it is never broken.

A pipe or a file has no width: its lines are never wrapped.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size

from attestation.errors import printable

from ..folding import width_of
from ..rendering import Console, Styled, console, printable_lines, shortened, styled
from .record import Record
from .report import Entry, Report, Section, Table, Tone

_INDENT: Final = 2
_BODY: Final = 4
_MARK: Final = 8
_LEAST_VALUE: Final = 24
_MOST_LINES: Final = 40
_MOST_TEXTS: Final = 4
WHOLE: Final = styled(whole=True)
"""Nothing, and what it stands beside is folded already."""
_ENDLESS: Final = 1_000_000
_WORD: Final = re.compile(r"(?:`[^`]*`|\S)+")
_STYLES: Final[dict[Tone, str]] = {
    "good": "bold green",
    "bad": "bold red",
    "warn": "bold yellow",
    "plain": "bold",
}


class _Page:
    """Lines that end where the terminal does, each under its indent."""

    def __init__(self, terminal: Console) -> None:
        self._terminal = terminal
        self.width = width_of(sys.stdout) or _ENDLESS

    def put(
        self,
        text: Styled | str = "",
        *,
        indent: int = 0,
        first: Styled | None = None,
        pad: int = 0,
        is_code: bool = False,
    ) -> None:
        """`text`, wrapped; `first` stands before it, padded to `pad`, and further lines go under the text.

        A line that ends with code is left to the terminal to wrap.
        """
        body = styled(text) if isinstance(text, str) else text
        lead = styled(" " * indent)
        if first is not None:
            lead += first
            lead += styled(" " * (indent + pad - cell_len(str(lead))))
        taken = cell_len(str(lead))
        if self.width - taken < self.width // 3:  # too little beside it: below it
            self._terminal.print(lead + WHOLE)
            taken = indent + _BODY
            lead = styled(" " * taken)
        for line in [body] if is_code else _wrapped(body, self.width - taken):
            self._terminal.print(lead + line + WHOLE)
            lead = styled(" " * taken)

    def put_whole(self, text: str, *, indent: int = 0) -> None:
        """`text` on one line, however long: a terminal wraps it, and it is copied as it is."""
        self._terminal.print(styled(" " * indent + text, whole=True))


def _wrapped(text: Styled, room: int) -> list[Styled]:
    """`text` in lines of at most `room` cells, broken between words; what stands in backticks is one word.

    A word that is too long is cut, unless it is code.
    """
    plain = str(text)
    if cell_len(plain) <= room:
        return [text]
    lines: list[Styled] = []
    start = end = 0
    for word in _WORD.finditer(plain):
        if end and cell_len(plain[start : word.end()]) > room:
            lines.append(text[start:end])
            start = end = word.start()
        while "`" not in word.group() and cell_len(plain[start : word.end()]) > room:
            cut = max(1, len(set_cell_size(plain[start : word.end()], room).rstrip()))
            lines.append(text[start : start + cut])
            start += cut
        end = word.end()
    return [*lines, text[start:end]]


def print_human(report: Report) -> None:
    """The report stands on standard output."""
    page = _Page(console())
    answer = styled((report.answer, _STYLES[report.tone]))
    page.put(printable(report.verdict), first=answer, pad=cell_len(report.answer) + 2)
    page.put(styled((printable(report.about), "dim")))
    for section in report.shown:
        page.put()
        page.put(styled((section.title, "bold")))
        _print_section(page, section)
    if report.record is not None:
        _print_record(page, report.record)


def print_record(record: Record) -> None:
    """The record stands on standard output, below an answer that is no report and names no assumptions."""
    _print_record(_Page(console()), record, assumed=record.assumptions)


def _print_record(page: _Page, record: Record, *, assumed: Sequence[str] = ()) -> None:
    """The record with each input's first lines: its reader has the file, and the SHA-256 says which one.

    Of many inputs, as a folder of tests has them, only those sums.
    """
    page.put()
    page.put(styled(("record", "bold")))
    rows = [("made", f"{record.moment} by symbolon {record.version}"), ("asked", record.question)]
    rows += [("assumed", each) for each in assumed]
    rows += [(each.role, f"{each.name}  sha256:{each.sha256}") for each in record.inputs]
    pad = max(len(what) for what, _ in rows) + 2
    for what, said in rows:
        page.put(printable(said), indent=_INDENT, first=styled((what, "dim")), pad=pad)
    for each in record.inputs if len(record.inputs) <= _MOST_TEXTS else ():
        if each.text is not None:
            lines = printable_lines(each.text).splitlines()
            page.put()
            page.put(styled((f"text of {printable(each.name)}", "dim")), indent=_INDENT)
            for line in lines[:_MOST_LINES]:
                page.put_whole(line, indent=_INDENT + _BODY)
            if len(lines) > _MOST_LINES:
                more = f"… {len(lines) - _MOST_LINES} more lines: `--format json` has them"
                page.put(styled((more, "dim")), indent=_INDENT + _BODY)


def _print_section(page: _Page, section: Section) -> None:
    if section.text:
        page.put(printable(section.text), indent=_INDENT)
    if section.table is not None:
        _print_table(page, section.table)
    for line in printable_lines(section.code).splitlines():
        page.put_whole(line, indent=_INDENT)
    for line in section.lines:
        page.put(printable(line), indent=_INDENT, first=styled("·"), pad=2)
    pad = max([_MARK, *(cell_len(entry.mark) for entry in section.entries)]) + 2
    for number, entry in enumerate(section.entries):
        if number and (entry.claims or section.entries[number - 1].claims):
            page.put()
        _print_entry(page, entry, pad=pad)


def _print_table(page: _Page, table: Table) -> None:
    """All but the last column are as wide as they need; a cell that repeats the one above is left out."""
    rows = [tuple(map(printable, row)) for row in table.rows]
    widths = [max(cell_len(row[i]) for row in rows) + 2 for i in range(len(table.head) - 1)]
    above: tuple[str, ...] = ()
    for row in rows:
        lead = styled()
        for i, width in enumerate(widths):
            same = above[: i + 1] == row[: i + 1]
            cell = "" if same else row[i]
            lead += styled((cell + " " * (width - cell_len(cell)), "bold" if i == 0 else ""))
        page.put(row[-1], indent=_INDENT, first=lead, pad=sum(widths))
        above = row


def _print_entry(page: _Page, entry: Entry, *, pad: int) -> None:
    under = _INDENT + pad
    where = f"{printable(entry.where)}  " if entry.where else ""
    body = [
        styled((printable(entry.label), "bold")),
        styled(printable(entry.text)),
        styled((where, "dim"), printable(" ".join(entry.code.split()))),
        styled((f"{printable(entry.shows)}:" if entry.shows else "", "dim")),
    ]
    mark: Styled | None = styled((entry.mark, _STYLES[entry.tone]))
    for number, text in enumerate(body):
        if str(text):
            page.put(text, indent=_INDENT if mark else under, first=mark, pad=pad, is_code=number == 2)
            mark = None
    for path, value in entry.claims:
        name = f"{printable(path)} = "
        room = page.width - under - _INDENT - cell_len(name)
        page.put(name + shortened(printable(value), max(room, _LEAST_VALUE)), indent=under + _INDENT)
    for what, note in entry.notes:
        page.put(printable(note), indent=under, first=styled((f"{what}:", "dim")), pad=len(what) + 2)
