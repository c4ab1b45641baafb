"""A log is read from its first entry to its last, and held against the root that was signed.

Every entry is hashed again: of the digests that the log shows none is believed. So what is shown is exactly
what was signed, entry by entry, in that order, with none between and none left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from attestation.errors import EvidenceRejected, quoted
from contract.checkpoint import Checkpoint, decode_checkpoint
from contract.log_tiles import (
    CHECKPOINT,
    MOST_BUNDLE_BYTES,
    TILE_WIDTH,
    Tile,
    parse_bundle,
    render_tile_path,
    tiles_of,
)
from contract.merkle import DIGEST_BYTES, Accumulator, leaf_digest
from contract.release_log import Entry, parse_entry
from contract.signed_note import MOST_CHARACTERS

from .log_sources import LogSource

MOST_CHECKPOINT_BYTES: Final = 4 * MOST_CHARACTERS


class LogIncomplete(EvidenceRejected):
    """The log does not show what its checkpoint says that it has."""

    code = "log-incomplete"


class LogDiffers(EvidenceRejected):
    """The log shows other entries than were signed: one was altered, dropped, added or moved."""

    code = "log-differs"


class LogForked(EvidenceRejected):
    """The log is not the one that was seen before: what it had then is another list."""

    code = "log-forked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An entry and its index."""

    index: int
    entry: Entry


def read_checkpoint(source: LogSource) -> str:
    """The text of the checkpoint that the log shows; nobody's signature is verified.

    Raises:
        LogIncomplete: it shows none.
        NoteMalformed: it is no text.
    """
    data = source.read(CHECKPOINT, most_bytes=MOST_CHECKPOINT_BYTES)
    if data is None:
        raise LogIncomplete("the log shows no checkpoint", hint="name the folder or address that has one")
    return decode_checkpoint(data)


def read_entries(
    source: LogSource,
    now: Checkpoint,
    *,
    kept: Checkpoint | None = None,
    digests: bytearray | None = None,
    on_entries: Callable[[int], object] = lambda _: None,
) -> Iterator[Placed]:
    """The entries that `now` speaks of, in their order; at the end they were all of them.

    An entry that was yielded is the signed one only once the last one was: read to the end before anything
    is believed. `digests` takes each entry's. `on_entries` is told how many there were so far.

    Raises:
        LogIncomplete: an entry is not shown.
        LogDiffers: they are others than were signed.
        LogForked: `kept`, of the same log and no larger, was of other ones.
        BundleMalformed, EntryMalformed, EntryFormatUnknown: what is shown is no entry.
    """
    accumulator = Accumulator()
    for tile in tiles_of(now.size):
        for leaf in _bundle(source, tile):
            if kept is not None and accumulator.size == kept.size:
                _check_kept(accumulator, kept)
            digest = leaf_digest(leaf)
            accumulator.append_digest(digest)
            if digests is not None:
                digests += digest
            yield Placed(index=accumulator.size - 1, entry=parse_entry(leaf))
        on_entries(accumulator.size)
    if kept is not None and accumulator.size == kept.size:
        _check_kept(accumulator, kept)
    if accumulator.root() != now.root:
        raise LogDiffers(
            "the entries that the log shows are not those that were signed",
            hint="fetch it again; if it stays so, an entry was altered, dropped, added or moved",
        )


def check_tiles(source: LogSource, size: int, digests: bytes) -> None:
    """The tiles that the log shows, of which others make proofs, are those of its entries.

    `digests` are those of all `size` entries, 32 bytes each.

    Raises:
        LogIncomplete, LogDiffers: they are not.
    """
    level = 0
    while digests:
        for tile in tiles_of(size, level=level):
            shown = _tile(source, tile)
            if shown != digests[tile.begin * DIGEST_BYTES : tile.end * DIGEST_BYTES]:
                raise LogDiffers(
                    f"{quoted(render_tile_path(tile))} of the log is not made of its entries",
                    hint="whoever takes a proof from it takes a wrong one; tell the owner",
                )
        digests = b"".join(
            _root_over(digests[tile.begin * DIGEST_BYTES : tile.end * DIGEST_BYTES])
            for tile in tiles_of(size, level=level)
            if tile.width == TILE_WIDTH
        )
        level += 1


def _root_over(digests: bytes) -> bytes:
    accumulator = Accumulator()
    for place in range(0, len(digests), DIGEST_BYTES):
        accumulator.append_digest(digests[place : place + DIGEST_BYTES])
    return accumulator.root()


def _tile(source: LogSource, tile: Tile) -> bytes:
    """The tile's digests; where it is full by now, as many of them as it had."""
    most = TILE_WIDTH * DIGEST_BYTES
    data = source.read(render_tile_path(tile), most_bytes=most)
    if data is None and tile.width < TILE_WIDTH:
        data = source.read(render_tile_path(replace(tile, width=TILE_WIDTH)), most_bytes=most)
        data = None if data is None else data[: tile.width * DIGEST_BYTES]
    if data is None:
        raise LogIncomplete(
            f"the log does not show {quoted(render_tile_path(tile))}", hint="fetch it again, or ask the owner"
        )
    return data


def _check_kept(accumulator: Accumulator, kept: Checkpoint) -> None:
    if accumulator.root() != kept.root:
        raise LogForked(
            f"the log's first {kept.size} entries are not those that it had before",
            hint="keep both checkpoints, they prove it; ask the owner what happened to the broker",
        )


def _bundle(source: LogSource, tile: Tile) -> tuple[bytes, ...]:
    """The entries of that bundle; where it is full by now, as many of them as it had."""
    data = source.read(render_tile_path(tile), most_bytes=MOST_BUNDLE_BYTES)
    if data is not None:
        return parse_bundle(data, width=tile.width)
    full = replace(tile, width=TILE_WIDTH)
    data = None if tile == full else source.read(render_tile_path(full), most_bytes=MOST_BUNDLE_BYTES)
    if data is None:
        raise LogIncomplete(
            f"the log does not show its entries from {tile.begin} on",
            hint="it says that it has them; fetch it again, and if it stays so, ask the owner",
        )
    return parse_bundle(data, width=TILE_WIDTH)[: tile.width]
