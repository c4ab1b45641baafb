"""The walk over a PNG's chunks: what libpng refuses is refused, and what it passes over is not handed on."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from skimage import data as photos

from tests.workload.pictures import oracle
from tests.workload.pictures.test_decoding import colours, encode, png_of
from workload.pictures.decoding import decode
from workload.pictures.headers import Unreadable
from workload.pictures.png_chunks import MOST_CHUNKS, MalformedPng, TooLong, parse, parse_header

PHOTO = Image.fromarray(photos.astronaut()).resize((45, 67))  # type: ignore[no-untyped-call]
ROWS = b"".join(b"\0" + row.tobytes() for row in np.asarray(PHOTO))
HEADER = (b"IHDR", struct.pack(">IIBBBBB", 45, 67, 8, 2, 0, 0, 0))
DATA, END = (b"IDAT", zlib.compress(ROWS)), (b"IEND", b"")
PALETTE_HEADER = (b"IHDR", struct.pack(">IIBBBBB", 45, 67, 8, 3, 0, 0, 0))
INDICES = (b"IDAT", zlib.compress(67 * (b"\0" + bytes(range(45)))))


def with_wrong_checksum(png: bytes, kind: bytes) -> bytes:
    at = png.index(kind) + 4 + struct.unpack_from(">I", png, png.index(kind) - 4)[0]
    return png[:at] + bytes([png[at] ^ 1]) + png[at + 1 :]


@pytest.mark.parametrize(
    "png",
    [
        with_wrong_checksum(png_of([HEADER, (b"pHYs", bytes(9)), DATA, END]), b"pHYs"),
        with_wrong_checksum(png_of([HEADER, (b"iCCP", b"a\0\0junk"), DATA, END]), b"iCCP"),
        png_of([HEADER, (b"gAMA", bytes(7)), DATA, END]),
        png_of([HEADER, DATA, (b"IDAT", b"more"), END]),
        png_of([HEADER, DATA, END]) + b"behind the end",
        png_of([HEADER, DATA, (b"IEND", b"long")]),
        png_of([HEADER, (b"IDAT", zlib.compress(ROWS + b"more")), END]),
        png_of([(b"abCd", b"unknown"), HEADER, DATA, END]),
        png_of([HEADER, (b"PLTE", b"red"), DATA, END]),
        png_of([PALETTE_HEADER, (b"PLTE", b"red"), INDICES, END]),
        png_of([PALETTE_HEADER, (b"PLTE", bytes(768)), INDICES, END]),
    ],
    ids=[
        *(
            "checksum of pHYs",
            "checksum of iCCP",
            "length of gAMA",
            "more data behind its end",
            "bytes behind",
        ),
        *("an end with a body", "more rows", "an unknown one first", "colours that are not asked for"),
        *("colours that are not there are black", "a palette"),
    ],
)
def test_what_libpng_passes_over_is_passed_over(png: bytes) -> None:
    expected = oracle.decoded(png)
    assert expected is not None
    np.testing.assert_array_equal(colours(png), expected)


@pytest.mark.parametrize(
    "png",
    [
        png_of([HEADER, (b"IDAT", zlib.compress(ROWS[: 30 * 136])), END]),
        png_of([HEADER, (b"IDAT", zlib.compress(ROWS[:-1])), END]),
        png_of([HEADER, (b"IDAT", zlib.compress(ROWS)[:-20]), END]),
        png_of([HEADER, HEADER, DATA, END]),
        png_of([HEADER, (b"abCD", b""), (b"ABCD", b""), DATA, END]),
        png_of([HEADER, (b"ab1d", b""), DATA, END]),
        png_of([DATA, HEADER, END]),
        png_of([(b"pHYs", bytes(9)), HEADER, DATA, END]),
        png_of([HEADER, END]),
        png_of([HEADER, DATA]),
        png_of([HEADER, DATA, END])[:-1],
        png_of([HEADER, (b"PLTE", b"red"), (b"PLTE", b"red"), DATA, END]),
        png_of([HEADER, (b"PLTE", b""), DATA, END]),
        png_of([PALETTE_HEADER, INDICES, END]),
        png_of([PALETTE_HEADER, (b"PLTE", b"four"), INDICES, END]),
        png_of([PALETTE_HEADER, (b"PLTE", bytes(771)), INDICES, END]),
        *(with_wrong_checksum(png_of([HEADER, DATA, END]), kind) for kind in (b"IHDR", b"IDAT", b"IEND")),
        png_of([(b"IHDR", struct.pack(">IIBBBBB", 0, 67, 8, 2, 0, 0, 0)), DATA, END]),
        png_of([(b"IHDR", struct.pack(">IIBBBBB", 45, 67, 4, 2, 0, 0, 0)), DATA, END]),
        png_of([(b"IHDR", struct.pack(">IIBBBBB", 45, 67, 8, 1, 0, 0, 0)), DATA, END]),
        png_of([(b"IHDR", struct.pack(">IIBBBBB", 45, 67, 8, 2, 1, 0, 0)), DATA, END]),
        png_of([(b"IHDR", struct.pack(">IIBBBBB", 45, 67, 8, 2, 0, 0, 2)), DATA, END]),
        png_of([(b"IHDR", HEADER[1] + b"\0"), DATA, END]),
    ],
    ids=[
        *("30 of 67 rows", "a byte too few", "cut off", "two headers", "an unknown critical one", "no name"),
        *("data before the header", "what is known before the header", "no data", "no end", "an end cut off"),
        *("two palettes", "an empty palette", "no palette", "a palette of no colours", "too many colours"),
        *("checksum of IHDR", "checksum of IDAT", "checksum of IEND", "no columns", "a depth that is not"),
        *("colours that are not", "another compression", "another interlacing", "a header too long"),
    ],
)
def test_what_libpng_refuses_is_refused(png: bytes) -> None:
    assert oracle.decoded(png) is None
    with pytest.raises(Unreadable) as refused:
        decode(png)
    assert refused.value.code == "undecodable"


def test_a_header_is_known_before_anything_else_is_looked_at() -> None:
    header = parse_header(png_of([HEADER]))
    assert (header.width, header.height, header.depth) == (45, 67, 8)
    with pytest.raises(MalformedPng):
        parse_header(encode(PHOTO, "JPEG"))


def test_there_is_an_end_to_the_number_of_chunks() -> None:
    def png(count: int) -> bytes:
        remark = png_of([(b"tEXt", b"")])[8:]
        return png_of([HEADER]) + count * remark + png_of([DATA, END])[8:]

    assert parse(png(MOST_CHUNKS - 3)).header.width == 45
    with pytest.raises(TooLong):
        parse(png(MOST_CHUNKS - 2))
    with pytest.raises(Unreadable) as refused:
        decode(png(MOST_CHUNKS))
    assert refused.value.code == "too-costly"


def test_there_is_an_end_to_what_is_inflated_behind_the_last_row() -> None:
    def png(size: int) -> bytes:
        return png_of([HEADER, (b"IDAT", zlib.compress(ROWS + bytes(size))), END])

    np.testing.assert_array_equal(colours(png(1 << 20)), np.asarray(PHOTO))
    with pytest.raises(Unreadable) as refused:
        decode(png(65 << 20))
    assert refused.value.code == "too-costly"
