"""Tiles lie where C2SP says, and a bundle is read as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.log_tiles import (
    CHECKPOINT,
    MOST_BUNDLE_BYTES,
    BundleMalformed,
    Tile,
    parse_bundle,
    parse_digests,
    parse_tile_path,
    render_bundle,
    render_tile_path,
    tiles_of,
)

PATHS = {
    "tile/0/000": Tile(level=0, index=0),
    "tile/0/999.p/1": Tile(level=0, index=999, width=1),
    "tile/1/x001/000": Tile(level=1, index=1000),
    "tile/63/x001/x234/067.p/255": Tile(level=63, index=1_234_067, width=255),
    "tile/entries/x001/x234/067": Tile(level=None, index=1_234_067),
}


@pytest.mark.parametrize(("path", "tile"), PATHS.items(), ids=PATHS)
def test_a_path_is_the_tile_s(path: str, tile: Tile) -> None:
    assert render_tile_path(tile) == path
    assert parse_tile_path(path) == tile


NO_PATHS = (
    "tile/0/0",
    "tile/0/0000",
    "tile/00/000",
    "tile/64/000",
    "tile/-1/000",
    "tile/0/x000/000",
    "tile/0/001/000",
    "tile/0/x001",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/000.p/01",
    "tile/0/000.p/",
    "tile/0/000/",
    "/tile/0/000",
    "tile/0/../000",
    "tile/data/000",
    "tile/0/\u0660\u0660\u0660",
    "tile/0/000\n",
    "checkpoint",
)


@pytest.mark.parametrize("path", NO_PATHS)
def test_another_path_is_no_tile_s(path: str) -> None:
    assert parse_tile_path(path) is None


def test_the_specification_s_own_log_of_70_000_entries_has_its_tiles() -> None:
    leaves = [(each.index, each.width) for each in tiles_of(70_000, level=0)]
    assert (len(leaves), leaves[-1]) == (274, (273, 112))
    assert [(each.index, each.width) for each in tiles_of(70_000, level=1)] == [(0, 256), (1, 17)]
    assert [(each.index, each.width) for each in tiles_of(70_000, level=2)] == [(0, 1)]
    assert [(each.index, each.width) for each in tiles_of(256, level=1)] == [(0, 1)]
    assert list(tiles_of(0)) == []


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_is_read_as_it_was_written(entries: list[bytes]) -> None:
    assert parse_bundle(render_bundle(entries), width=len(entries)) == tuple(entries)


BUNDLE = render_bundle([b"one", b"", b"three"])
CUT = {
    "the last byte is missing": BUNDLE[:-1],
    "an entry is missing": render_bundle([b"one", b""]),
    "an entry is added": BUNDLE + render_bundle([b"four"]),
    "half a length is added": BUNDLE + b"\0",
    "there is nothing": b"",
}


@pytest.mark.parametrize("data", CUT.values(), ids=CUT)
def test_a_bundle_that_is_cut_or_lengthened_is_refused(data: bytes) -> None:
    with pytest.raises(BundleMalformed):
        parse_bundle(data, width=3)


def test_an_entry_that_is_too_long_is_not_written() -> None:
    with pytest.raises(ValueError, match="65535"):
        render_bundle([b"x" * 65_536])
    assert parse_bundle(render_bundle([b"x" * 65_535]), width=1) == (b"x" * 65_535,)


def test_a_tile_has_as_many_digests_as_its_width() -> None:
    assert parse_digests(bytes(64), width=2) == (bytes(32), bytes(32))
    for data in (bytes(63), bytes(65), bytes(96)):
        with pytest.raises(BundleMalformed, match="2 digests"):
            parse_digests(data, width=2)


def test_a_tile_says_which_digests_are_in_it() -> None:
    assert (Tile(level=0, index=3).begin, Tile(level=0, index=3).end) == (768, 1024)
    assert (Tile(level=0, index=3, width=17).begin, Tile(level=0, index=3, width=17).end) == (768, 785)


def test_the_names_and_bounds_are_c2sp_s() -> None:
    assert CHECKPOINT == "checkpoint"
    assert MOST_BUNDLE_BYTES == len(render_bundle([b"x" * 65_535])) * 256 == 256 * 65_537
    assert BundleMalformed.code == "log-bundle-malformed"
