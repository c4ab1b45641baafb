"""The log as C2SP's tiles: what stands at each of its paths, made from the database.

A server answers a path with `resource_at`; a folder of files is made by writing each of them out. What was
not signed yet is not shown: a reader verifies against a checkpoint, and asks for nothing behind it.

Source: C2SP, tlog-tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from contract.log_tiles import CHECKPOINT, TILE_HEIGHT, Tile, parse_tile_path, render_bundle

from ..store.schema import checkpoints, log_entries, log_nodes

_SIGNED: Final = select(func.max(checkpoints.c.size))
_LAST: Final = select(checkpoints.c.text).order_by(checkpoints.c.size.desc()).limit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What a GET answers: an `immutable` one may be kept for ever, the other one for seconds."""

    body: bytes
    content_type: str
    immutable: bool


def resource_at(connection: Connection, path: str) -> Resource | None:
    """What stands at `path`, which begins without a slash: `checkpoint`, or `tile/…`. None: nothing does."""
    if path == CHECKPOINT:
        text = last_checkpoint(connection)
        if text is None:
            return None
        return Resource(body=text.encode(), content_type="text/plain; charset=utf-8", immutable=False)
    tile = parse_tile_path(path)
    body = None if tile is None else tile_of(connection, tile)
    if body is None:
        return None
    return Resource(body=body, content_type="application/octet-stream", immutable=True)


def last_checkpoint(connection: Connection) -> str | None:
    """The text of the checkpoint that was signed last; None before the first one."""
    text: str | None = connection.execute(_LAST).scalar()
    return text


def tile_of(connection: Connection, tile: Tile) -> bytes | None:
    """The tile's digests, or the bundle's entries; None where what was signed does not go so far."""
    level = TILE_HEIGHT * (tile.level or 0)
    if tile.end > (connection.execute(_SIGNED).scalar() or 0) >> level:
        return None
    if tile.level is None:
        column, place = log_entries.c.leaf, log_entries.c.position
        query = select(column)
    else:
        column, place = log_nodes.c.digest, log_nodes.c.position
        query = select(column).where(log_nodes.c.level == level)
    rows = connection.execute(query.where(place >= tile.begin, place < tile.end).order_by(place))
    parts = [bytes(row[0]) for row in rows]
    if len(parts) < tile.width:
        return None
    return render_bundle(parts) if tile.level is None else b"".join(parts)
