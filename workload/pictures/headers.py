"""What a picture's header tells before anything is decoded: its format, its size, how it was held.

A picture that cannot be decoded is its own error (`Unreadable`), and nobody else's.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import simplejpeg
from PIL import Image

MOST_PIXELS = 64_000_000
MOST_PIXELS_A_SIDE = 65_535
"""As in a JPEG: what is held beside a decoded picture grows by its width."""
MOST_BYTES = 64 << 20

# Only what the decoder reads: Pillow knows many more formats, and each is code that strangers reach.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
_JPEG = b"\xff\xd8\xff"
_EXIF_ORIENTATION = 0x0112
_APP1, _SOS = b"\xff\xe1", b"\xff\xda"

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
    return Unreadable("undecodable", "the image is cut off, or damaged")


def check_header(data: bytes) -> EncodedPicture:
    """`data` is a picture of a known format and a size within the limits; nothing is decoded yet.

    Raises:
        Unreadable: it is not.
    """
    if data.startswith(_JPEG) and not _may_be_turned(data):
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(data)
        except ValueError:
            return _check_by_pillow(data)  # which knows more of them, and says what it is not
        return EncodedPicture(data=data, orientation=1, pixels=_checked_pixels(width, height))
    return _check_by_pillow(data)


def _may_be_turned(jpeg: bytes) -> bool:
    """Exif or XMP, each of which may name an orientation, is in front of the first scan; or who knows."""
    at = 2
    while (marker := jpeg[at : at + 2]) != _SOS:
        if marker == _APP1 or not b"\xff\xc0" <= marker < b"\xff\xff" or b"\xff\xd0" <= marker <= b"\xff\xd9":
            return True
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return False


def _check_by_pillow(data: bytes) -> EncodedPicture:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return EncodedPicture(
                data=data, orientation=_orientation(image), pixels=_checked_pixels(*image.size)
            )
    except (OSError, ValueError, SyntaxError, OverflowError, EOFError):
        raise Unreadable("not-an-image", "the object is not a JPEG, PNG, GIF, BMP or WebP image") from None


def _checked_pixels(width: int, height: int) -> int:
    if width * height > MOST_PIXELS:
        message = f"the image has {width} by {height} pixels, and {MOST_PIXELS} in all are the most"
        raise Unreadable("too-large", message)
    if max(width, height) > MOST_PIXELS_A_SIDE:
        message = f"the image has {width} by {height} pixels, and {MOST_PIXELS_A_SIDE} a side are the most"
        raise Unreadable("too-large", message)
    return width * height


def _orientation(image: Image.Image) -> int:
    # A PNG would be decoded for it, and cameras write none. MPO is a JPEG with a second one behind it.
    if image.format not in ("JPEG", "MPO"):
        return 1
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION)
    except (OSError, ValueError, SyntaxError):
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
