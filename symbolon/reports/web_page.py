"""A report as one web page that needs nothing else: for a screen, a phone, or paper, light or dark.

INVARIANT: no script, nothing fetched, and every text escaped; the page forbids the rest to itself.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from attestation.errors import printable

from ..rendering import printable_lines
from .record import Record
from .report import Entry, Report, Section, Table

_STYLE: Final = Path(__file__).with_suffix(".css")
_FORBID: Final = "default-src 'none'; style-src 'unsafe-inline'"


def render_web_page(report: Report) -> str:
    """The report as HTML."""
    title = escaped(f"{report.title}: {report.answer}")
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_FORBID}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style></head>",
        "<body>",
        f'<header class="{report.tone}"><h1>{escaped(report.title)}</h1>',
        f'<p class="answer">{escaped(report.answer)}</p>',
        f'<p class="verdict">{prose(report.verdict)}</p>',
        f'<p class="about">{prose(report.about)}</p></header>',
        "<main>",
        *(line for section in report.shown for line in _section(section)),
        *(() if report.record is None else _record(report.record)),
        "</main>",
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"


def _record(record: Record) -> Iterator[str]:
    yield "<section><h2>record</h2><dl>"
    rows = [("made", f"{record.moment} by symbolon {record.version}"), ("asked", record.question)]
    for what, said in rows:
        yield f"<dt>{escaped(what)}</dt><dd>{prose(said)}</dd>"
    for each in record.inputs:
        named = f"{escaped(each.name)}, SHA-256 <code>{each.sha256}</code>"
        yield f"<dt>{escaped(each.role)}</dt><dd>{named}</dd>"
    yield "</dl>"
    for each in record.inputs:
        if each.text is not None:
            summary = f"<summary>the text of the {escaped(each.role)}</summary>"
            yield f'<details class="record" open>{summary}<pre>{_block(each.text)}</pre></details>'
    yield "</section>"


def escaped(text: str) -> str:
    """`text` as HTML shows it: no mark-up, nothing invisible.

    >>> escaped("<script>" + chr(0x202e))
    '&lt;script&gt;\\\\u202e'
    """
    return html.escape(printable(text))


def prose(text: str) -> str:
    """Words in which what stands in backticks is code."""
    parts = printable(text).split("`")
    if len(parts) % 2 == 0:
        return escaped(text)
    return "".join(
        f"<code>{html.escape(part)}</code>" if i % 2 else html.escape(part) for i, part in enumerate(parts)
    )


def _block(text: str) -> str:
    return html.escape(printable_lines(text))


def _section(section: Section) -> Iterator[str]:
    yield f"<section><h2>{escaped(section.title)}</h2>"
    if section.text:
        yield f"<p>{prose(section.text)}</p>"
    if section.table is not None:
        yield from _table(section.table)
    if section.code:
        yield f"<pre>{_block(section.code)}</pre>"
    if section.lines:
        yield f"<ul>{''.join(f'<li>{prose(line)}</li>' for line in section.lines)}</ul>"
    for entry in section.entries:
        yield from _entry(entry)
    yield "</section>"


def _table(table: Table) -> Iterator[str]:
    """Rows that begin alike are a group, under one head."""
    head = "".join(f'<th scope="col">{escaped(each)}</th>' for each in table.head)
    yield f"<table><thead><tr>{head}</tr></thead>"
    for first, group in groupby(table.rows, key=lambda row: row[0]):
        rows = list(group)
        lead = f'<th scope="rowgroup" rowspan="{len(rows)}">{escaped(first)}</th>'
        yield "<tbody>"
        for row in rows:
            yield f"<tr>{lead}{''.join(f'<td>{escaped(cell)}</td>' for cell in row[1:])}</tr>"
            lead = ""
        yield "</tbody>"
    yield "</table>"


def _entry(entry: Entry) -> Iterator[str]:
    label = f' <span class="label">{escaped(entry.label)}</span>' if entry.label else ""
    yield f'<article class="{entry.tone}"><span class="mark">{escaped(entry.mark)}</span>{label}'
    if entry.text:
        yield f"<p>{prose(entry.text)}</p>"
    if entry.code:
        yield f"<pre>{_block(entry.code)}</pre>"
    if entry.where:
        yield f'<p class="where">{escaped(entry.where)}</p>'
    if entry.claims:
        rows = (
            f"<dt><code>{escaped(path)}</code></dt><dd><code>{escaped(value)}</code></dd>"
            for path, value in entry.claims
        )
        if entry.shows:
            yield f'<p class="what">{escaped(entry.shows)}:</p>'
        yield f"<dl>{''.join(rows)}</dl>"
    for what, note in entry.notes:
        yield f'<p><span class="what">{escaped(what)}:</span> {prose(note)}</p>'
    if entry.token is not None:
        token = _block(json.dumps(entry.token, indent=2, ensure_ascii=False))
        yield f"<details><summary>the whole token</summary><pre>{token}</pre></details>"
    yield "</article>"
