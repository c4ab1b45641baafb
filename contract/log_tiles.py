"""Where the parts of a log lie, and how its entries are written side by side: C2SP's tiles.

    checkpoint                    what is signed (`contract.checkpoint`)
    tile/0/x001/234               256 digests of leaves, those from 1234 * 256 on
    tile/1/004                    256 digests, each over 256 of the level below
    tile/entries/x001/234.p/17    the entries below the first 17 digests of that tile

A tile or bundle that is not full yet has `.p/` and its width behind its name, and never changes; the full
one comes to stand beside it. So a log is a folder of files, or a server of them.

Source: C2SP, tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from attestation.errors import EvidenceRejected

from .merkle import DIGEST_BYTES

CHECKPOINT: Final = "checkpoint"
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
MOST_LEVEL: Final = 63
MOST_ENTRY_BYTES: Final = 2**16 - 1
MOST_BUNDLE_BYTES: Final = TILE_WIDTH * (2 + MOST_ENTRY_BYTES)

_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


class BundleMalformed(EvidenceRejected):
    """The entries that a log shows are not written as tiles of a log are."""

    code = "log-bundle-malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """`level` is None for a bundle of entries; `width` below `TILE_WIDTH` for one that is not full."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def begin(self) -> int:
        """The place of its first digest on its level."""
        return self.index * TILE_WIDTH

    @property
    def end(self) -> int:
        """The place behind its last one."""
        return self.begin + self.width


def render_tile_path(tile: Tile) -> str:
    """Where it lies below the log's prefix.

    >>> render_tile_path(Tile(level=None, index=1234067, width=5))
    'tile/entries/x001/x234/067.p/5'
    """
    digits = str(tile.index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *upper, last = (digits[place : place + 3] for place in range(0, len(digits), 3))
    level = "entries" if tile.level is None else str(tile.level)
    partial = "" if tile.width == TILE_WIDTH else f".p/{tile.width}"
    return "/".join(("tile", level, *(f"x{part}" for part in upper), last)) + partial


def parse_tile_path(path: str) -> Tile | None:
    """What `render_tile_path` wrote; None for any other path."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level, index, width = match.groups()
    tile = Tile(
        level=None if level == "entries" else int(level),
        index=int(index.replace("x", "").replace("/", "")),
        width=TILE_WIDTH if width is None else int(width),
    )
    is_its_own = render_tile_path(tile) == path and (tile.level or 0) <= MOST_LEVEL
    return tile if is_its_own and tile.width <= TILE_WIDTH else None


def tiles_of(size: int, *, level: int | None = None) -> Iterable[Tile]:
    """The tiles of that level, or the bundles, of a log of that size, in their order.

    >>> [render_tile_path(tile) for tile in tiles_of(300, level=0)]
    ['tile/0/000', 'tile/0/001.p/44']
    """
    width = size >> (TILE_HEIGHT * (level or 0))
    full, rest = divmod(width, TILE_WIDTH)
    for index in range(full):
        yield Tile(level=level, index=index)
    if rest:
        yield Tile(level=level, index=full, width=rest)


def render_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries side by side, each behind its length.

    Raises:
        ValueError: one is longer than a log takes.
    """
    parts = []
    for entry in entries:
        if len(entry) > MOST_ENTRY_BYTES:
            raise ValueError(f"an entry of the log has at most {MOST_ENTRY_BYTES} bytes")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def parse_bundle(data: bytes, *, width: int) -> tuple[bytes, ...]:
    """The `width` entries that `render_bundle` wrote.

    Raises:
        BundleMalformed: it is cut, or has another number of them.
    """
    entries, place = [], 0
    while place < len(data):
        begin = place + 2
        place = begin + int.from_bytes(data[place:begin], "big")
        if begin > len(data) or place > len(data):
            raise BundleMalformed("the log's entries are cut")
        entries.append(data[begin:place])
    if len(entries) != width:
        raise BundleMalformed(f"the log shows {len(entries)} entries where there are to be {width}")
    return tuple(entries)


def parse_digests(data: bytes, *, width: int) -> tuple[bytes, ...]:
    """The `width` digests of a tile.

    Raises:
        BundleMalformed: it is cut, or has another number of them.
    """
    if len(data) != width * DIGEST_BYTES:
        raise BundleMalformed(f"a tile of the log does not have {width} digests")
    return tuple(data[place : place + DIGEST_BYTES] for place in range(0, len(data), DIGEST_BYTES))
