"""A log is served as C2SP's tiles, and from them anybody makes its root."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, insert

from contract.log_tiles import parse_bundle, parse_digests, render_tile_path, tiles_of
from contract.merkle import Accumulator, leaf_digest, root_of
from release.log.appending import append
from release.log.proving import root_at
from release.log.tiles import last_checkpoint, resource_at
from release.store.engine import reading, writing
from release.store.schema import checkpoints

SIZE = 600
LEAVES = [f"entry {number}".encode() for number in range(SIZE)]


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with writing(engine) as connection:
        for leaf in LEAVES:
            append(connection, leaf)
        sign(connection, SIZE)
    return engine


def sign(connection: Connection, size: int) -> None:
    connection.execute(insert(checkpoints).values(size=size, text="signed —"))


def body_at(engine: Engine, path: str) -> bytes:
    with reading(engine) as connection:
        found = resource_at(connection, path)
    assert found is not None and found.immutable and found.content_type == "application/octet-stream"
    return found.body


def test_the_bundles_are_the_entries(filled: Engine) -> None:
    entries: list[bytes] = []
    for tile in tiles_of(SIZE):
        entries += parse_bundle(body_at(filled, render_tile_path(tile)), width=tile.width)
    assert entries == LEAVES


def test_the_tiles_are_the_digests_of_the_entries_and_of_the_tiles_below(filled: Engine) -> None:
    digests: list[bytes] = []
    for tile in tiles_of(SIZE, level=0):
        digests += parse_digests(body_at(filled, render_tile_path(tile)), width=tile.width)
    assert digests == [leaf_digest(leaf) for leaf in LEAVES]
    above = parse_digests(body_at(filled, "tile/1/000.p/2"), width=2)
    assert above == (root_of(LEAVES[:256]), root_of(LEAVES[256:512]))


def test_the_root_is_made_of_the_tiles_alone(filled: Engine) -> None:
    accumulator = Accumulator()
    for tile in tiles_of(SIZE, level=0):
        for digest in parse_digests(body_at(filled, render_tile_path(tile)), width=tile.width):
            accumulator.append_digest(digest)
    with reading(filled) as connection:
        assert accumulator.root() == root_at(connection, SIZE)


def test_a_tile_that_was_not_full_stays_where_it_was(filled: Engine) -> None:
    full = body_at(filled, "tile/0/000")
    assert body_at(filled, "tile/0/000.p/17") == full[: 17 * 32]
    assert parse_bundle(body_at(filled, "tile/entries/001.p/1"), width=1) == (LEAVES[256],)


NOT_THERE = (
    "tile/0/002",
    "tile/0/002.p/89",
    "tile/0/003.p/1",
    "tile/1/000",
    "tile/1/000.p/3",
    "tile/2/000.p/1",
    "tile/63/000",
    "tile/0/x999/x999/x999/x999/x999/999",
    "tile/entries/x999/x999/x999/x999/x999/999.p/1",
    "tile/entries/002",
    "tile/entries/002.p/89",
    "tile/0/0",
    "tile/entries/",
    "",
    "checkpoints",
)


def test_an_entry_that_is_not_signed_yet_is_not_shown(engine: Engine) -> None:
    paths = ["tile/entries/000.p/2", "tile/0/000.p/2"]
    with writing(engine) as connection:
        for leaf in LEAVES[:2]:
            append(connection, leaf)
        assert [resource_at(connection, path) for path in paths] == [None, None]
        sign(connection, 1)
        assert [resource_at(connection, path) for path in paths] == [None, None]
        assert resource_at(connection, "tile/0/000.p/1") is not None
        sign(connection, 2)
        assert None not in [resource_at(connection, path) for path in paths]


def test_nothing_stands_elsewhere(filled: Engine) -> None:
    with reading(filled) as connection:
        assert [path for path in NOT_THERE if resource_at(connection, path) is not None] == []


def test_the_last_checkpoint_is_shown_and_not_kept_by_anybody_between(engine: Engine) -> None:
    with writing(engine) as connection:
        assert last_checkpoint(connection) is None and resource_at(connection, "checkpoint") is None
        rows = [{"size": 9, "text": "nine —"}, {"size": 10, "text": "ten —"}, {"size": 2, "text": "two —"}]
        connection.execute(insert(checkpoints), rows)
        found = resource_at(connection, "checkpoint")
    assert found is not None and found.body.decode() == "ten —"
    assert (found.immutable, found.content_type) == (False, "text/plain; charset=utf-8")
