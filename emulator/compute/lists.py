"""Lists of Compute Engine: filtered, in pages, of one zone or of all.

Source: Compute Engine API reference v1, `instances.list` and `instances.aggregatedList` (`filter`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..errors import not_emulated
from ..pages import page_of
from ..state import Document
from .catalogue import ROOT

_TERM = re.compile(
    r'\(?\s*(?P<field>[a-zA-Z][\w.]*)\s+(?P<how>eq|ne)\s+(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s()]+))\s*\)?'
    r'|\(?\s*(?P<field2>[a-zA-Z][\w.]*)\s*(?P<how2>!=|=)\s*(?:"(?P<quoted2>[^"]*)"|(?P<bare2>[^\s()]+))\s*\)?'
)
_Items = Sequence[tuple[str, Document]]


def render_list(kind: str, name: str, found: _Items, query: Mapping[str, str]) -> Document:
    """The page of `found` that `query` asks for; `name` is the collection's path, e.g. `projects/P/zones`.

    Raises:
        GoogleError: 400 for a page that is none, or a filter that is not understood.
    """
    items, more = page_of(_filtered(found, query.get("filter", "")), query, size="maxResults")
    body: Document = {"kind": f"compute#{kind}List", "id": name, "selfLink": f"{ROOT}/{name}", **more}
    return {**body, "items": items} if items else body


def render_aggregated(kind: str, project: str, found: _Items, query: Mapping[str, str]) -> Document:
    """The same of all zones of a project, each zone by its name; `found` are by keys that begin with it.

    Raises:
        GoogleError: as `render_list` does.
    """
    items, more = page_of(_filtered(found, query.get("filter", "")), query, size="maxResults")
    zones: dict[str, dict[str, list[Document]]] = {}
    for item in items:
        zone = "zones/" + item["zone"].rpartition("/")[2]
        zones.setdefault(zone, {kind + "s": []})[kind + "s"].append(item)
    name = f"projects/{project}/aggregated/{kind}s"
    body: Document = {"kind": f"compute#{kind}AggregatedList", "id": name, "selfLink": f"{ROOT}/{name}"}
    return {**body, "items": zones, **more}


def _filtered(found: _Items, text: str) -> _Items:
    """Those that the filter lets through: comparisons, and `AND` between them.

    `eq` and `ne` take a regular expression for the whole of a field, `=` and `!=` its very text.

    Raises:
        GoogleError: 400 for anything else: a filter is not taken and then forgotten.
    """
    for term in re.split(r"\s+AND\s+|(?<=\))\s*(?=\()", text.strip()) if text.strip() else ():
        match = _TERM.fullmatch(term.strip())
        if match is None:
            raise not_emulated(f"the emulator does not have the filter `{text[:100]}`")
        field, how = match["field"] or match["field2"], match["how"] or match["how2"]
        values = (match[name] for name in ("quoted", "bare", "quoted2", "bare2"))
        wanted = next(value for value in values if value is not None)
        try:
            pattern = re.compile(wanted if how in ("eq", "ne") else re.escape(wanted), re.IGNORECASE)
        except re.error:
            raise not_emulated(f"the emulator does not have the filter `{text[:100]}`") from None
        keep = how in ("eq", "=")
        found = [each for each in found if (pattern.fullmatch(_text(each[1], field)) is not None) is keep]
    return found


def _text(item: Document, field: str) -> str:
    """A field as a filter sees it; of a link its last part will do as well, as gcloud asks for it."""
    value: object = item
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
