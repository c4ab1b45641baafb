"""A report as GitHub shows Markdown: in a pull request's comment, or in a job's summary.

Source: CommonMark 0.31.2; GitHub Flavored Markdown Spec, "Tables", "Autolinks", "Disallowed Raw HTML".
"""

from __future__ import annotations

import json
import re
from typing import Final

from attestation.errors import printable

from ..rendering import printable_lines
from .record import Record
from .report import Entry, Report, Section, Table

_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>()#+!|~&$]")
_LINK: Final = re.compile(r"(?<=://)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_MOST_CHARACTERS: Final = 32_768
_BACKTICKS: Final = re.compile(r"`+")
_SIGNS: Final = {"good": "✅", "bad": "❌", "warn": "⚠️", "plain": "▫️"}


def render_markdown(report: Report) -> str:
    """The report as Markdown."""
    lines = [f"## {_SIGNS[report.tone]} {escaped(report.title)}: {escaped(report.answer)}", ""]
    lines += [f"**{prose(report.verdict)}**", "", prose(report.about), ""]
    for section in report.shown:
        lines += [f"### {escaped(section.title)}", "", *_section(section)]
    if report.record is not None:
        lines += _record(report.record)
    return "\n".join(lines).rstrip("\n") + "\n"


def _record(record: Record) -> list[str]:
    """The question, the moment and the files; of a long file the beginning, since GitHub takes no more."""
    lines = ["### record", "", f"- made: {escaped(record.moment)} by symbolon {escaped(record.version)}"]
    lines += [f"- asked: {prose(record.question)}"]
    lines += [f"- {each.role}: {code(each.name)}, SHA-256 {code(each.sha256)}" for each in record.inputs]
    for each in record.inputs:
        if each.text is not None:
            shown = each.text[:_MOST_CHARACTERS]
            cut = ["", f"The first {_MOST_CHARACTERS:,} characters; the SHA-256 is of all."]
            summary = f"the text of the {each.role}"
            lines += ["", f"<details><summary>{summary}</summary>", "", *fenced(shown, "")]
            lines += [*(cut if len(each.text) > len(shown) else []), "", "</details>"]
    return lines


def escaped(text: str) -> str:
    r"""`text` as words: no mark-up, no HTML, no link and nobody mentioned.

    >>> print(escaped("<b>[x](http://y) *z*"))
    \<b\>\[x\]\(http://<!-- -->y\) \*z\*
    """
    return _LINK.sub("<!-- -->", _SPECIAL.sub(lambda match: "\\" + match.group(), printable(text)))


def code(text: str) -> str:
    """`text` as code on one line, whatever backticks are in it."""
    shown = printable(" ".join(text.split()))
    if not shown:
        return ""
    ticks = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    space = " " if shown[0] in " `" or shown[-1] in " `" else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def prose(text: str) -> str:
    """Words in which what stands in backticks is code."""
    parts = printable(text).split("`")
    if len(parts) % 2 == 0:
        return escaped(text)
    return "".join(code(part) if i % 2 else escaped(part) for i, part in enumerate(parts))


def fenced(text: str, language: str) -> list[str]:
    """A block of code that its content cannot end."""
    shown = printable_lines(text)
    ticks = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    return [f"{ticks}{language}", *shown.splitlines(), ticks]


def _section(section: Section) -> list[str]:
    lines = [prose(section.text), ""] if section.text else []
    if section.table is not None:
        lines += [*_table(section.table), ""]
    if section.code:
        lines += [*fenced(section.code, ""), ""]
    if section.lines:
        lines += [*(f"- {prose(line)}" for line in section.lines), ""]
    for entry in section.entries:
        lines += _entry(entry)
    return [*lines, ""] if section.entries else lines


def _table(table: Table) -> list[str]:
    rows = [list(map(escaped, row)) for row in table.rows]
    head = [list(map(escaped, table.head)), ["---"] * len(table.head)]
    return [f"| {' | '.join(row)} |" for row in [*head, *rows]]


def _entry(entry: Entry) -> list[str]:
    label = f" {code(entry.label)}" if entry.label else ""
    text = f" {prose(entry.text)}" if entry.text else ""
    lines = [f"- {_SIGNS[entry.tone]} **{escaped(entry.mark)}**{label}{':' if label and text else ''}{text}"]
    at = " ".join(filter(None, (escaped(entry.where), code(entry.code))))
    lines += [f"  - {at}"] if at else []
    claims = [f"{code(path)} = {code(value)}" for path, value in entry.claims]
    shows = f"{escaped(entry.shows)}: " if entry.shows else ""
    lines += [f"  - {shows}{', '.join(claims)}"] if claims else []
    lines += [f"  - {escaped(what)}: {prose(note)}" for what, note in entry.notes]
    if entry.token is not None:
        block = fenced(json.dumps(entry.token, indent=2, ensure_ascii=False), "json")
        lines += ["", "  <details><summary>the whole token</summary>", ""]
        lines += [f"  {line}" for line in block] + ["", "  </details>", ""]
    return lines
