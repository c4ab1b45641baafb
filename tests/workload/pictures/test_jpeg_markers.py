"""The walk over a JPEG's segments: what it leaves out is not seen, and no bytes lead it astray."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data as photos

from workload.pictures.jpeg_markers import has_adobe_marker, scans_of_an_eighth, tidied

PHOTO = Image.fromarray(photos.astronaut())  # type: ignore[no-untyped-call]  # scikit-image has no types


def jpeg(size: tuple[int, int] = (64, 64), mode: str = "RGB", **options: Any) -> bytes:
    encoded = io.BytesIO()
    PHOTO.resize(size).convert(mode).save(encoded, "JPEG", **options)
    return encoded.getvalue()


def eighth(data: bytes, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    width, height = size
    pixels: np.ndarray[Any, Any] = simplejpeg.decode_jpeg(
        data, min_height=-(-height // 8), min_width=-(-width // 8), fastdct=True
    )
    return pixels


@pytest.mark.parametrize(("mode", "subsampling"), [("RGB", 0), ("RGB", 1), ("RGB", 2), ("L", 0), ("CMYK", 0)])
@pytest.mark.parametrize("size", [(511, 375), (64, 64), (9, 200), (1, 1)])
@pytest.mark.parametrize("restarts", [0, 2])
def test_an_eighth_is_the_same_without_the_scans_of_details(
    size: tuple[int, int], mode: str, subsampling: int, restarts: int
) -> None:
    data = jpeg(size, mode, progressive=True, subsampling=subsampling, restart_marker_blocks=restarts)
    few = scans_of_an_eighth(data)
    assert few is not None
    assert len(few) < len(data)
    np.testing.assert_array_equal(eighth(few, size), eighth(data, size))


def test_the_scans_of_details_are_most_of_a_photo() -> None:
    data = jpeg((512, 512), progressive=True, quality=90)
    few = scans_of_an_eighth(data)
    assert few is not None
    assert len(few) < len(data) / 2


def test_what_is_not_progressive_is_left_alone() -> None:
    assert scans_of_an_eighth(jpeg()) is None


PROGRESSIVE = jpeg(progressive=True)
FRAME = PROGRESSIVE.index(b"\xff\xc2")
SCAN = PROGRESSIVE.index(b"\xff\xda")
TABLES = PROGRESSIVE.index(b"\xff\xdb")


@pytest.mark.parametrize(
    "odd",
    [
        PROGRESSIVE[:-2],
        PROGRESSIVE[:FRAME],
        PROGRESSIVE[:SCAN],
        PROGRESSIVE[: SCAN + 3],
        PROGRESSIVE[:FRAME] + b"\0" + PROGRESSIVE[FRAME:],
        PROGRESSIVE[:FRAME] + PROGRESSIVE[FRAME : FRAME + 19] + PROGRESSIVE[FRAME:],
        PROGRESSIVE[:SCAN] + b"\xff\xd8" + PROGRESSIVE[SCAN:],
        PROGRESSIVE[:SCAN] + b"\xff\xdc\0\4\0\1" + PROGRESSIVE[SCAN:],
        PROGRESSIVE[: FRAME + 2] + b"\xff\xff" + PROGRESSIVE[FRAME + 4 :],
        PROGRESSIVE[: FRAME + 2] + b"\0\1" + PROGRESSIVE[FRAME + 4 :],
        PROGRESSIVE[: FRAME + 9] + b"\xff" + PROGRESSIVE[FRAME + 10 :],
        PROGRESSIVE[: FRAME + 11] + b"\0" + PROGRESSIVE[FRAME + 12 :],
        PROGRESSIVE[: TABLES + 4] + b"\x10" + PROGRESSIVE[TABLES + 5 :],
    ],
    ids=[
        *("no end", "no frame", "no scan", "cut off in a scan's header", "a byte between segments"),
        *("two frames", "two starts", "lines counted later", "a length over the end", "a length too short"),
        *("too many components", "a component without samples", "a table over the end"),
    ],
)
def test_an_odd_file_is_left_alone(odd: bytes) -> None:
    assert scans_of_an_eighth(odd) is None


def test_components_that_share_their_steps_are_left_alone() -> None:
    table = FRAME + 12
    shared = bytearray(PROGRESSIVE)
    shared[table + 3] = shared[table + 6] = shared[table]
    assert scans_of_an_eighth(bytes(shared)) is None


def test_what_lies_between_segments_and_behind_the_end_is_tidied_away() -> None:
    data = jpeg()
    at = data.index(b"\xff\xc0")
    assert tidied(data[:at] + b"\0\1\xff\0" + data[at:] + b"more") == data
    assert tidied(data) == data
    assert tidied(data[:-2]) is None
    assert tidied(b"\xff\xd8\xff") is None


def test_adobes_marker_is_told_from_others() -> None:
    assert has_adobe_marker(jpeg(mode="CMYK"))
    assert not has_adobe_marker(jpeg())
    comment = b"Adobe" + bytes(7)
    segment = b"\xff\xee" + struct.pack(">H", len(comment) + 2)
    assert has_adobe_marker(b"\xff\xd8" + segment + comment + b"\xff\xd9")
    assert not has_adobe_marker(b"\xff\xd8" + segment + comment[::-1] + b"\xff\xd9")
    assert not has_adobe_marker(b"\xff\xd8\xff\xee\0\7Adobe\xff\xd9")


@pytest.mark.parametrize("length", [*range(1000, 1100), *range(3000, 3200), (1 << 20) + 1, 3 << 20])
def test_coded_data_may_be_larger_than_a_block_of_the_search(length: int) -> None:
    header = b"\xff\xd8\xff\xda\0\2"
    assert tidied(data := header + b"\0" * length + b"\xff\xd9") == data
    assert tidied(header + b"\xff\0" * length) is None


def test_there_is_an_end_to_the_number_of_segments() -> None:
    remark = b"\xff\xfe\0\2"
    assert tidied(b"\xff\xd8" + remark * 9_999 + b"\xff\xd9") is not None
    assert tidied(b"\xff\xd8" + remark * 10_000 + b"\xff\xd9") is None


@settings(deadline=None, max_examples=300)
@given(
    start=st.integers(2, len(PROGRESSIVE)),
    noise=st.lists(
        st.one_of(st.binary(max_size=8), st.sampled_from([b"\xff\xda", b"\xff\xc2", b"\xff\xdb"]))
    ),
    end=st.integers(2, len(PROGRESSIVE)),
)
def test_no_bytes_lead_the_walk_astray(start: int, noise: list[bytes], end: int) -> None:
    data = PROGRESSIVE[:start] + b"".join(noise) + PROGRESSIVE[end:]
    for result in (tidied(data), scans_of_an_eighth(data)):
        assert result is None or len(result) <= len(data)
    has_adobe_marker(data)
