"""What a picture's header tells before anything is decoded: its format, its size, how it was held.

A picture that cannot be decoded is its own error (`Unreadable`), and nobody else's.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from . import gif_blocks, jpeg_markers, png_chunks

MOST_PIXELS = 64_000_000
MOST_PIXELS_A_SIDE = 65_535
"""As in a JPEG: what is held beside a decoded picture grows by its width."""
MOST_BYTES = 64 << 20
MOST_PIXELS_OF_SCANS = 20 * MOST_PIXELS
"""Of a picture that comes in several scans, each of which may touch all of it: a few seconds' work."""

# Only what the decoder reads: Pillow knows many more formats, and each is code that strangers reach.
_FORMATS = ("GIF", "BMP", "WEBP")
_JPEG, _PNG, _GIF, _BMP = b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM"
_RUN_LENGTHS = (1, 2)
_EXIF_ORIENTATION = 0x0112
# The header of a frame, and that of its one scan.
_PIXEL = b"\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0"

# `MOST_PIXELS` stands in place of Pillow's own limit, which first warns and then raises.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPicture:
    """A picture whose header is sound. `orientation` is EXIF's, 1 to 8; 1 is upright.

    `pixels` is what it decodes to, or the most where nobody has looked.
    """

    data: bytes
    orientation: int
    pixels: int = MOST_PIXELS


class Unreadable(Exception):
    """One picture cannot be read: `code` for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def undecodable() -> Unreadable:
    """What is said of a picture whose header was sound."""
    return Unreadable("undecodable", "the picture is cut off, or damaged")


def too_costly() -> Unreadable:
    """What is said of a picture with a hundred times as much around its pixels as any program writes."""
    return Unreadable("too-costly", "there is too much in the picture's file that is not the picture")


def check_header(data: bytes) -> EncodedPicture:
    """`data` is a picture of a known format, of a size and a cost within the limits; nothing is decoded yet.

    Raises:
        Unreadable: it is not.
    """
    try:
        if data.startswith(_JPEG):
            return _check_jpeg(data)
        if data.startswith(_PNG):
            header = png_chunks.parse_header(data)
            pixels = _checked_pixels(header.width, header.height)
            return EncodedPicture(data=data, orientation=1, pixels=pixels)
        if data.startswith(_BMP) and (bmp := parse_bmp(data)):
            pixels = _checked_pixels(bmp.width, abs(bmp.height))
            return EncodedPicture(data=data, orientation=1, pixels=pixels)
        start = gif_blocks.tidied(data) if data.startswith(_GIF) else data
        return _check_by_pillow(data, start)
    except (jpeg_markers.TooLong, gif_blocks.TooLong, png_chunks.TooLong):
        raise too_costly() from None
    except (OSError, ValueError, SyntaxError, OverflowError, EOFError, struct.error):
        raise Unreadable("not-a-picture", "the object is no JPEG, PNG, GIF, BMP or WebP") from None


def _check_jpeg(data: bytes) -> EncodedPicture:
    head = jpeg_markers.parse_head(data)
    if head is None:
        raise ValueError
    pixels = _checked_pixels(head.width, head.height)
    # Each scan may touch the whole picture, however few bytes it has.
    most_scans = MOST_PIXELS_OF_SCANS // max(pixels, 1)
    if not head.is_single_scan and jpeg_markers.has_more_scans(data, most_scans):
        message = f"the picture has more than the {most_scans} scans that are decoded of one of its size"
        raise Unreadable("too-costly", message)
    return EncodedPicture(data=data, orientation=_orientation(head.turns), pixels=pixels)


class Bmp(NamedTuple):
    """Where its pixels start, and what they are; with a negative height the first row is the uppermost."""

    start: int
    width: int
    height: int
    channels: int


def parse_bmp(data: bytes) -> Bmp | None:
    """What the header says to TensorFlow, which looks at nothing else in it; None, if it refuses that kind.

    Raises:
        ValueError: there are no pixels, or they are coded in runs, which Pillow reads in Python.
        struct.error: it is cut off.
    """
    start, width, height, bits, coding = struct.unpack_from("<10xi4xii2xhi", data)
    if bits // 8 in (1, 3, 4):
        if start < 0 or width <= 0 or height == 0:
            raise ValueError
        return Bmp(start, width, height, bits // 8)
    if coding in _RUN_LENGTHS:
        raise ValueError
    return None


def _check_by_pillow(data: bytes, start: bytes | None) -> EncodedPicture:
    if start is None:
        raise ValueError
    with Image.open(io.BytesIO(start), formats=_FORMATS) as image:
        return EncodedPicture(data=data, orientation=1, pixels=_checked_pixels(*image.size))


def _checked_pixels(width: int, height: int) -> int:
    if width * height > MOST_PIXELS:
        message = f"the picture has {width} by {height} pixels, and {MOST_PIXELS} in all are the most"
        raise Unreadable("too-large", message)
    if max(width, height) > MOST_PIXELS_A_SIDE:
        message = f"the picture has {width} by {height} pixels, and {MOST_PIXELS_A_SIDE} a side are the most"
        raise Unreadable("too-large", message)
    return width * height


def _orientation(turns: bytes) -> int:
    """What Exif or XMP says, in a picture of one pixel: there Pillow comes by nothing else."""
    if not turns:
        return 1
    try:
        with Image.open(io.BytesIO(b"\xff\xd8" + turns + _PIXEL), formats=["JPEG"]) as image:
            orientation = image.getexif().get(_EXIF_ORIENTATION)
    except (OSError, ValueError, SyntaxError):
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
