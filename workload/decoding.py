"""An encoded picture is pixels, the same ones that TensorFlow would give: JPEG, PNG, GIF, BMP and WebP.

`tf.io.decode_image(data, channels=3, expand_animations=False)` is what models are trained with, so its
answer is the right one even where it is peculiar: libjpeg's fast integer transform, CMYK by a plain
product, alpha and the low byte of 16 bits left out, a palette of a BMP ignored, of a GIF the first frame
on black. Where TensorFlow refuses a picture for its kind alone (RLE in a BMP, alpha or several frames in
a WebP), and Pillow reads it, it is read.

Source: tensorflow/tensorflow, tensorflow/core/lib/jpeg/jpeg_mem.cc, core/lib/png/png_io.cc,
core/lib/gif/gif_io.cc, core/kernels/image/decode_image_op.cc.
"""

from __future__ import annotations

import io
import struct
import threading
import zlib
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from .images import MOST_PIXELS, Unreadable, undecodable
from .jpeg_markers import dc_scans, ends, has_adobe_marker

Picture = NDArray[np.uint32]
"""`uint32[height, width]`, a pixel each: in memory red, green, blue, and a byte that means nothing.

One pixel is one number, so that choosing pixels moves whole machine words.
"""

BYTES_PER_PIXEL = 12
"""The most that decoding holds for each pixel, the result included.

4 are the result. Beside it are, at worst, what libjpeg keeps of a progressive CMYK JPEG until its last
scan (4 channels of 2 bytes), or Pillow's picture of a PNG or WebP (4, or 8).
"""

_KEPT_BYTES = 64 << 20
_BAND_PIXELS = 1 << 18
_READ_ERRORS = (OSError, ValueError, SyntaxError, OverflowError, EOFError, IndexError, struct.error)


class Least(NamedTuple):
    """A decoder may leave out what a picture of at least this size does not show."""

    height: int
    width: int


class _Kept(threading.local):
    """Pages that are given back cost more than the pixels in them: each thread keeps its last ones."""

    pixels = np.empty(0, np.uint32)

    def room(self, count: int) -> NDArray[np.uint32]:
        if self.pixels.size >= count:
            return self.pixels[:count]
        self.pixels = np.empty(0, np.uint32)
        pixels = np.empty(count, np.uint32)
        if pixels.nbytes <= _KEPT_BYTES:
            self.pixels = pixels
        return pixels


_kept = _Kept()


def decode(data: bytes, least: Least | None = None) -> Picture:
    """Every pixel of the picture; or, of a JPEG, those of a smaller one that is `least` or larger.

    The result may be memory that this thread's next call writes over.

    Raises:
        Unreadable: it is cut off or damaged: what TensorFlow refuses, and nothing else.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _decode_jpeg(data, least)
        if data.startswith(b"BM"):
            return _decode_bmp(data)
        if data.startswith(b"\x89PNG"):
            _check_chunks(data)
        return _decode_by_pillow(data)
    except _READ_ERRORS:
        raise undecodable() from None


def _decode_jpeg(data: bytes, least: Least | None) -> Picture:
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    _check_size(height, width)
    if least is not None:
        eighths = _eighths(height, width, least)
        if eighths == 1:
            data = dc_scans(data) or data
        height, width = -(-height * eighths // 8), -(-width * eighths // 8)
    is_cmyk = colours in ("CMYK", "YCCK")
    picture = _kept.room(height * width).reshape(height, width)

    def decode(*, strict: bool) -> None:
        simplejpeg.decode_jpeg(
            data,
            "CMYK" if is_cmyk else "RGBX",
            fastdct=True,
            min_height=height,
            min_width=width,
            buffer=picture,
            strict=strict,
        )

    try:
        decode(strict=True)
    except ValueError:
        # TensorFlow takes no notice of libjpeg's warnings, save that it must find the end.
        if not ends(data):
            raise
        decode(strict=False)
    if is_cmyk:
        _cmyk_to_rgb(picture, inverted=has_adobe_marker(data))
    return picture


def _eighths(height: int, width: int, least: Least) -> int:
    """The smallest of the sizes for which libjpeg has a fast transform: 1, 2, 4 or 8 eighths."""
    for eighths in (1, 2, 4):
        if height * eighths >= least.height * 8 and width * eighths >= least.width * 8:
            return eighths
    return 8


def _cmyk_to_rgb(picture: Picture, *, inverted: bool) -> None:
    """In place. Adobe's programs write every channel inverted."""
    for rows in _bands(*picture.shape):
        channels = picture[rows].view(np.uint8).reshape(-1, 4)
        inks = channels.astype(np.uint16) if inverted else 255 - channels.astype(np.uint16)
        channels[:, :3] = inks[:, :3] * inks[:, 3:] // 255


def _decode_bmp(data: bytes) -> Picture:
    start, width, signed_height, bits = struct.unpack_from("<10xi4xii2xh", data)
    if bits not in (8, 24, 32):
        return _decode_by_pillow(data)
    height, stride = abs(signed_height), (bits // 8 * width + 3) // 4 * 4
    if width <= 0 or height == 0 or start < 0 or len(data) != start + stride * height:
        raise undecodable()
    _check_size(height, width)
    rows = np.frombuffer(data, np.uint8, offset=start).reshape(height, stride)
    rows = rows[:, : bits // 8 * width] if signed_height < 0 else rows[::-1, : bits // 8 * width]
    pixels = rows.reshape(height, width, bits // 8)
    picture = _kept.room(height * width).reshape(height, width)
    channels = picture.view(np.uint8).reshape(height, width, 4)
    for colour, stored in enumerate((0, 0, 0) if bits == 8 else (2, 1, 0)):
        channels[..., colour] = pixels[..., stored]
    return picture


def _check_chunks(png: bytes) -> None:
    """Its critical chunks are as they were written, to the last one: Pillow does not look at them all."""
    at, kind, view = 8, b"", memoryview(png)
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", png, at)
        (crc,) = struct.unpack_from(">I", png, at + 8 + length)
        is_critical = not kind[0] & 0x20
        if is_critical and zlib.crc32(view[at + 4 : at + 8 + length]) != crc:
            raise undecodable()
        at += 12 + length


def _decode_by_pillow(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=("PNG", "GIF", "BMP", "WEBP")) as image:
        _check_size(image.height, image.width)
        width, height = image.size
        left, top, right, bottom = (image.tile[0].extents if image.format == "GIF" else None) or (
            *(0, 0),
            *image.size,
        )
        image.load()
        picture = _kept.room(height * width).reshape(height, width)
        if (right - left, bottom - top) != image.size:
            picture.fill(0)
        for rows in _bands(bottom - top, right - left):
            band = image.crop((left, top + rows.start, right, top + rows.stop))
            picture[top:bottom, left:right][rows] = _pixels(band)
        return picture


def _pixels(image: Image.Image) -> Picture:
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    pixels = image.convert("RGB").tobytes("raw", "RGBX")
    return np.frombuffer(pixels, np.uint32).reshape(image.height, image.width)


def _bands(height: int, width: int) -> list[slice]:
    """The rows in parts, so that what is made of a part is small."""
    step = max(_BAND_PIXELS // width, 1)
    return [slice(start, min(start + step, height)) for start in range(0, height, step)]


def _check_size(height: int, width: int) -> None:
    if height * width > MOST_PIXELS:
        raise Unreadable("too-large", f"the image has more than {MOST_PIXELS} pixels")
