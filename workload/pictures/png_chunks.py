"""The chunks of a PNG file, judged as libpng judges them: which of them a decoder is given.

Pillow refuses pictures for chunks that libpng only warns of, and passes over some for which libpng
refuses. Here every chunk that pixels are made of is as it must be, and no other one is handed on.

The bytes are a stranger's. Every step is within them and forward, and there is an end to their number.

Source: W3C PNG, section 5 and 11; pnggroup/libpng, pngrutil.c, pngread.c and pngset.c.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 100_000
_MOST_A_SIDE = (1 << 31) - 1
_IS_ANCILLARY = 0x20
_INFLATED_AT_ONCE, _PASSED_OVER_AT_ONCE, _MOST_PASSED_OVER = 8192, 1 << 16, 64 << 20
_GREY, _COLOUR, _PALETTE, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _COLOUR: 3, _PALETTE: 1, _GREY_ALPHA: 2, _COLOUR_ALPHA: 4}
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _PALETTE: (1, 2, 4, 8)}
_ELSE_DEPTHS = (8, 16)
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
# Of these libpng says that they are out of place in front of the header.
_KNOWN = frozenset(
    b"bKGD cHRM eXIf gAMA hIST iCCP iTXt oFFs pCAL pHYs sBIT sCAL sPLT sRGB tEXt tIME tRNS zTXt".split()
)
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class MalformedPng(ValueError):
    """libpng refuses it."""


class TooLong(Exception):
    """There is so much in it that no pixel is made of that reading it would take long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the chunk IHDR says."""

    width: int
    height: int
    depth: int
    colours: int
    is_interlaced: bool

    @property
    def row_bytes(self) -> int:
        """The bytes of the rows when they are inflated, the filter's in front of each included."""
        passes = _PASSES if self.is_interlaced else ((0, 0, 1, 1),)
        bits = _CHANNELS[self.colours] * self.depth
        total = 0
        for top, left, down, across in passes:
            rows, columns = -(-(self.height - top) // down), -(-(self.width - left) // across)
            if rows > 0 and columns > 0:
                total += rows * (1 + (columns * bits + 7) // 8)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Png:
    """What its pixels are made of: each chunk's bytes, without length, kind and checksum."""

    header: Header
    palette: bytes
    coded: tuple[memoryview, ...]

    def inflated_file(self) -> io.BytesIO:
        """The same picture as a PNG that is not compressed, and in which only a filter can be wrong.

        Raises:
            MalformedPng: there are too few rows, or what is behind the last one has no end.
            TooLong: or its end is far away.
            zlib.error: a row cannot be inflated.
        """
        file, storing = io.BytesIO(), zlib.compressobj(0)
        file.write(self._start())
        for rows in self._rows():
            file.write(_chunk(b"IDAT", storing.compress(rows)))
        file.write(_chunk(b"IDAT", storing.flush()) + _END)
        file.seek(0)
        return file

    def _rows(self) -> Iterator[bytes]:
        # In the pieces that libpng takes: damage behind the last row is passed over from the next piece on.
        inflating, left = zlib.decompressobj(), self.header.row_bytes
        pieces = self._pieces()
        for piece in pieces:
            rows = inflating.decompress(piece, left)
            left -= len(rows)
            yield rows
            if left == 0:
                return _pass_over_the_rest(inflating, pieces)
        raise MalformedPng

    def _pieces(self) -> Iterator[memoryview]:
        for part in self.coded:
            for start in range(0, len(part), _INFLATED_AT_ONCE):
                yield part[start : start + _INFLATED_AT_ONCE]

    def _start(self) -> bytes:
        header = self.header
        numbers = (header.width, header.height, header.depth, header.colours, 0, 0, header.is_interlaced)
        palette = _chunk(b"PLTE", self.palette) if self.palette else b""
        return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", *numbers)) + palette


def parse_header(png: bytes) -> Header:
    """What the chunk IHDR says, before which there are unknown ones at most.

    Raises:
        MalformedPng: there is none, or what it says has no meaning.
    """
    if not png.startswith(_SIGNATURE):
        raise MalformedPng
    for kind, body in _chunks(png, len(_SIGNATURE)):
        if kind == b"IHDR":
            return _header(body)
        if not kind[0] & _IS_ANCILLARY or kind in _KNOWN:
            raise MalformedPng
    raise MalformedPng


def parse(png: bytes) -> Png:
    """The chunks up to the end of the picture, none of which libpng refuses.

    Raises:
        MalformedPng: one is out of place, twice there, damaged, cut off or unknown, if it is a critical one.
        TooLong: there are more than `MOST_CHUNKS`.
    """
    header = parse_header(png)
    palette, has_header, has_palette, is_coded_over = b"", False, False, False
    coded: list[memoryview] = []
    for kind, body in _chunks(png, len(_SIGNATURE)):
        is_coded_over |= bool(coded) and kind != b"IDAT"
        if kind == b"IEND" and coded:
            return Png(header=header, palette=palette, coded=tuple(coded))
        if kind == b"IDAT":
            if header.colours == _PALETTE and not palette:
                raise MalformedPng
            if not is_coded_over:  # whatever comes later belongs to no row
                coded.append(body)
        elif kind == b"PLTE" and not has_palette:
            if not coded:
                has_palette, palette = True, _palette(bytes(body), header)
        elif kind == b"IHDR" and not has_header:
            has_header = True
        elif not kind[0] & _IS_ANCILLARY:
            raise MalformedPng
    raise MalformedPng


def _chunks(png: bytes, at: int) -> Iterator[tuple[bytes, memoryview]]:
    """Each chunk's kind and body; the checksums of critical ones are right."""
    view = memoryview(png)
    for _ in range(MOST_CHUNKS):
        if at + 12 > len(png):
            raise MalformedPng
        length, kind = struct.unpack_from(">I4s", png, at)
        body, at = at + 8, at + 12 + length
        if at > len(png) or not _LETTERS.issuperset(kind):
            raise MalformedPng
        if not kind[0] & _IS_ANCILLARY and zlib.crc32(view[body - 4 : at - 4]) != int.from_bytes(
            view[at - 4 : at], "big"
        ):
            raise MalformedPng
        yield kind, view[body : at - 4]
    raise TooLong


def _header(body: memoryview) -> Header:
    if len(body) != 13:
        raise MalformedPng
    width, height, depth, colours, compression, filtering, interlacing = struct.unpack(">IIBBBBB", body)
    sound = (
        0 < width <= _MOST_A_SIDE
        and 0 < height <= _MOST_A_SIDE
        and colours in _CHANNELS
        and depth in _DEPTHS.get(colours, _ELSE_DEPTHS)
        and compression == filtering == 0
        and interlacing <= 1
    )
    if not sound:
        raise MalformedPng
    return Header(width=width, height=height, depth=depth, colours=colours, is_interlaced=interlacing == 1)


def _pass_over_the_rest(inflating: zlib._Decompress, pieces: Iterator[memoryview]) -> None:
    """libpng looks for the end of what is compressed: not at all at first, and then up to the last byte."""
    rest: bytes | memoryview = inflating.unconsumed_tail
    passed_over = 0
    while not inflating.eof:
        rest = rest or next(pieces, b"")
        if not rest:
            raise MalformedPng
        try:
            passed_over += len(inflating.decompress(rest, _PASSED_OVER_AT_ONCE))
        except zlib.error:
            return
        if passed_over == 0:
            return
        if passed_over > _MOST_PASSED_OVER:
            raise TooLong
        rest = inflating.unconsumed_tail


def _palette(body: bytes, header: Header) -> bytes:
    """A colour for each number that a pixel can have; nothing, if pixels are colours themselves."""
    if header.colours in (_GREY, _GREY_ALPHA):
        return b""
    is_sound = len(body) % 3 == 0 and len(body) <= 3 * 256
    if not body or (header.colours == _PALETTE and not is_sound):
        raise MalformedPng
    if header.colours != _PALETTE:
        return b""
    size = 3 << header.depth
    return body[:size].ljust(size, b"\0")


def _chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    return b"".join(
        [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))]
    )


_END = _chunk(b"IEND", b"")
