"""Results as one web page that needs nothing else: each photo beside its labels.

INVARIANT: no script, nothing fetched, and every text escaped; the page forbids the rest to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.results import Prediction, Row

from ..reports.web_page import escaped
from .photos import Photos

_STYLE: Final = Path(__file__).with_suffix(".css")
_FORBID: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What stands on the page: the job's folder, how many there are, which image made them, and the rows."""

    title: str
    in_short: str
    image_digest: str
    rows: tuple[Row, ...]


def render_contact_sheet(sheet: Sheet, photos: Photos) -> str:
    """The page as HTML."""
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_FORBID}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escaped(sheet.title)}</title>",
        f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style></head>",
        "<body>",
        f"<header><h1>{escaped(sheet.in_short)}</h1>",
        f"<p>{escaped(sheet.title)}</p>",
    ]
    if sheet.image_digest:
        lines.append(f"<p>by the image <code>{escaped(sheet.image_digest)}</code></p>")
    lines.append("<p>Not verified: <code>symbolon auditor receipt verify</code> does that.</p></header>")
    lines.append("<main>")
    for row in sheet.rows:
        lines += _card(row, photos.address_of(row))
    return "\n".join([*lines, "</main>", "</body></html>"]) + "\n"


def _card(row: Row, address: str) -> Iterator[str]:
    name = escaped(row.picture.rpartition("/")[2])
    yield f"<article{' class=unread' if row.error is not None else ''}>"
    if address:
        yield f'<img src="{address}" alt="{name}">'
    else:
        yield '<div class="none">no photo here</div>'
    yield f'<div class="said"><p class="name" title="{escaped(row.picture)}">{name}</p>'
    if row.error is not None:
        yield f'<p class="error">{escaped(row.error.code)}: {escaped(row.error.message)}</p>'
    else:
        most = max((each.score for each in row.predictions), default=0.0)
        digits = max((len(f"{each.score:.6g}".partition(".")[2]) for each in row.predictions), default=0)
        yield "<ol>"
        for each in row.predictions:
            yield _class(each, most, digits)
        yield "</ol>"
    yield "</div></article>"


def _class(prediction: Prediction, most: float, digits: int) -> str:
    """A class with its score, and a bar: of the whole where scores are shares, else of the best one's."""
    whole = 1.0 if 0 <= most <= 1 else most
    share = max(0.0, min(1.0, prediction.score / whole)) if whole else 0.0
    label = prediction.label or f"class {prediction.class_index}"
    score = f"{prediction.score:.{digits}f}"
    return (
        f'<li><span class="label">{escaped(label)}</span> <span class="score">{score}</span>'
        f'<span class="bar"><span style="width: {100 * share:.1f}%"></span></span></li>'
    )
