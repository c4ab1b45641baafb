"""An encoded picture is pixels, the same ones that TensorFlow would give: JPEG, PNG, GIF, BMP and WebP.

`tf.io.decode_image(data, channels=3, expand_animations=False)` is what models are trained with, so its
answer is the right one even where it is peculiar: libjpeg's fast integer transform, CMYK by a plain
product, alpha and the low byte of 16 bits left out, a palette of a BMP ignored, of a GIF the first frame
on black.

Six things differ. What would hold a core is refused (`too-costly`). A JPEG whose colours are sampled in a
way that libjpeg-turbo's own interface has no name for goes through the slow transform, and is a few steps
of 255 off; as is a progressive one without its last scans, whose blocks a later libjpeg-turbo smooths by
another rule. A picture that TensorFlow refuses for its kind alone (few bits in a BMP, alpha or several
frames in a WebP) is read where Pillow reads it. A GIF whose first frame is smaller than the whole has its
place in the whole, where TensorFlow makes the picture as large as its largest frame. And of damaged GIFs
and WebPs Pillow refuses some that TensorFlow reads past, and reads a GIF without its end.

Source: tensorflow/tensorflow, tensorflow/core/lib/jpeg/jpeg_mem.cc, core/lib/png/png_io.cc,
core/lib/gif/gif_io.cc, core/lib/webp/webp_io.cc, core/kernels/image/decode_image_op.cc.
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

from . import gif_blocks, png_chunks
from .headers import MOST_PIXELS, Unreadable, parse_bmp, too_costly, undecodable
from .jpeg_markers import has_adobe_marker, scans_of_an_eighth, tidied

Picture = NDArray[np.uint32]
"""`uint32[height, width]`, a pixel each: in memory red, green, blue, and a byte that means nothing.

One pixel is one number, so that choosing pixels moves whole machine words.
"""

BYTES_PER_PIXEL = 18
"""The most that decoding holds for each pixel, the result included: measured, and held by a test.

4 for a JPEG or BMP, which are the result alone; 6 to 9 for a GIF, beside Pillow's own picture; up to 16
for a PNG (of 16 bits, with alpha), beside its inflated rows as well; 10 for a progressive JPEG, of which
libjpeg keeps every coefficient until the last scan, and 12 if it is CMYK; 18 for a WebP, of which libwebp
keeps two frames, and Pillow one more.
"""

_KEPT_BYTES = 64 << 20
_BAND_PIXELS = 1 << 18
_LACKS_MEMORY = "memory"
"""In libjpeg's own words: `Insufficient memory (case 4)`; of a damaged picture none of its words says so."""
_READ_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    OverflowError,
    EOFError,
    LookupError,
    struct.error,
    zlib.error,
)
# Source: libjpeg-turbo/libjpeg-turbo, jerror.h. By then every row has been decoded.
_WARNINGS = ("Corrupt JPEG data", "Inconsistent progression sequence", "Invalid SOS parameters")


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
        Unreadable: it is cut off or damaged: what TensorFlow refuses, and nothing else. Or it is too costly.
        MemoryError: the machine has too little for it; nothing is said of the picture.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _decode_jpeg(data, least)
        if data.startswith(b"BM"):
            return _decode_bmp(data)
        if data.startswith(b"\x89PNG"):
            return _decode_png(data)
        if data.startswith(b"GIF8"):
            data = gif_blocks.tidied(data) or b""
        return _decode_by_pillow(io.BytesIO(data))
    except (gif_blocks.TooLong, png_chunks.TooLong):
        raise too_costly() from None
    except _READ_ERRORS:
        raise undecodable() from None


def _decode_jpeg(data: bytes, least: Least | None) -> Picture:
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, LookupError):  # it has no name for how the colours are sampled, or what they are
        return _decode_by_pillow(io.BytesIO(tidied(data, remarks=False) or b""))
    _check_size(height, width)
    if least is not None:
        eighths = _eighths(height, width, least)
        if eighths == 1:
            data = scans_of_an_eighth(data) or data
        height, width = -(-height * eighths // 8), -(-width * eighths // 8)
    is_cmyk = colours in ("CMYK", "YCCK")
    picture = _kept.room(height * width).reshape(height, width)
    if not _fill(picture, data, is_cmyk=is_cmyk):
        whole = tidied(data)
        if whole is None or not _fill(picture, whole, is_cmyk=is_cmyk, may_be_damaged=True):
            raise undecodable()
    if is_cmyk:
        _cmyk_to_rgb(picture, inverted=has_adobe_marker(data))
    return picture


def _fill(picture: Picture, data: bytes, *, is_cmyk: bool, may_be_damaged: bool = False) -> bool:
    """The picture is as large as it is wanted, and now has its pixels; or false.

    libjpeg only warns of damage within coded data, and TensorFlow takes no notice.
    """
    height, width = picture.shape
    try:
        simplejpeg.decode_jpeg(
            data,
            "CMYK" if is_cmyk else "RGBX",
            fastdct=True,
            min_height=height,
            min_width=width,
            buffer=picture,
        )
    except ValueError as complaint:
        if _LACKS_MEMORY in str(complaint).lower():
            raise MemoryError from None
        return may_be_damaged and str(complaint).startswith(_WARNINGS)
    return True


def _eighths(height: int, width: int, least: Least) -> int:
    """The smallest of the sizes for which libjpeg has a fast transform: 1, 2, 4 or 8 eighths."""
    for eighths in (1, 2, 4):
        if -(-height * eighths // 8) >= least.height and -(-width * eighths // 8) >= least.width:
            return eighths
    return 8


def _cmyk_to_rgb(picture: Picture, *, inverted: bool) -> None:
    """In place. Adobe's programs write every channel inverted."""
    for rows in _bands(*picture.shape):
        channels = picture[rows].view(np.uint8).reshape(-1, 4)
        inks = channels.astype(np.uint16) if inverted else 255 - channels.astype(np.uint16)
        channels[:, :3] = inks[:, :3] * inks[:, 3:] // 255


def _decode_bmp(data: bytes) -> Picture:
    bmp = parse_bmp(data)
    if bmp is None:
        return _decode_by_pillow(io.BytesIO(data))
    height, width, channels = abs(bmp.height), bmp.width, bmp.channels
    _check_size(height, width)
    # A file of another length than this has no such shape, and TensorFlow refuses it too.
    rows = np.frombuffer(data, np.uint8, offset=bmp.start).reshape(height, (channels * width + 3) // 4 * 4)
    rows = rows[:, : channels * width] if bmp.height < 0 else rows[::-1, : channels * width]
    pixels = rows.reshape(height, width, channels)
    picture = _kept.room(height * width).reshape(height, width)
    stored_as = picture.view(np.uint8).reshape(height, width, 4)
    for colour, stored in enumerate((0, 0, 0) if channels == 1 else (2, 1, 0)):
        stored_as[..., colour] = pixels[..., stored]
    return picture


def _decode_png(data: bytes) -> Picture:
    png = png_chunks.parse(data)
    _check_size(png.header.height, png.header.width)
    return _decode_by_pillow(png.inflated_file())


def _decode_by_pillow(file: io.BytesIO) -> Picture:
    with Image.open(file, formats=("JPEG", "PNG", "GIF", "BMP", "WEBP")) as image:
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
            pixels = _pixels(band)
            if image.format == "GIF":
                # What is transparent is what was there before: black.
                is_clear = np.asarray(band) == image.info.get("transparency", -1)
                pixels = np.where(is_clear, np.uint32(0), pixels)
            picture[top:bottom, left:right][rows] = pixels
        return picture


def _pixels(image: Image.Image) -> Picture:
    if image.mode == "CMYK":  # as inks, whoever wrote it
        picture = np.array(image).view(np.uint32)[..., 0]
        _cmyk_to_rgb(picture, inverted=False)
        return picture
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
        raise Unreadable("too-large", f"the picture has more than {MOST_PIXELS} pixels")
