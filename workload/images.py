"""The operator's pictures: which there are, and the bytes of each one that can be decoded.

A picture that cannot is that picture's own error (`Unreadable`), and nobody else's. A service
that fails is not: that ends the job, so that it can be started again.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import simplejpeg
from google.api_core.exceptions import NotFound
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from PIL import Image

from attestation.errors import Misconfigured

from .object_storage import read_large, read_whole, storage_failures
from .uris import FolderUri

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
MOST_PIXELS = 64_000_000
MOST_PIXELS_A_SIDE = 65_535
"""As in a JPEG: what is held beside a decoded picture grows by its width."""
MOST_BYTES = 64 << 20
LARGE_BYTES = 8 << 20
"""A picture of more bytes is read by ranges."""

# Only what the decoder reads: Pillow knows many more formats, and each is code that strangers reach.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
_JPEG = b"\xff\xd8\xff"
_EXIF_ORIENTATION = 0x0112
_APP1, _SOS = b"\xff\xe1", b"\xff\xda"

# `MOST_PIXELS` stands in place of Pillow's own limit, which first warns and then raises.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """An object that was there when the bucket was listed; later generations of it are not read.

    `crc32c` is named of one that is read by ranges, which have no checksum of their own.
    """

    name: str
    generation: int
    size: int
    crc32c: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedImage:
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


def list_images(client: storage.Client, folder: FolderUri, *, most: int) -> list[ListedImage]:
    """Every picture in `folder`, in the bucket's listing order (by the UTF-8 bytes of the name).

    Raises:
        Misconfigured: there is none, or there are more than `most`; or see `storage_failures`.
    """
    with storage_failures(f"INPUT_URI `{folder}`"):
        blobs = client.list_blobs(
            folder.bucket, prefix=folder.prefix, fields="items(name,generation,size,crc32c),nextPageToken"
        )
        listed = []
        for blob in blobs:
            if blob.name.lower().endswith(SUFFIXES):
                listed.append(_listed(blob))
            if len(listed) > most:
                raise Misconfigured(
                    f"INPUT_URI `{folder}` holds more images than the owner's terms allow",
                    hint=f"split them into folders of at most {most}, one job each",
                )
    if not listed:
        raise Misconfigured(
            f"INPUT_URI `{folder}` holds no image", hint=f"names of images end in {', '.join(SUFFIXES)}"
        )
    return listed


def _listed(blob: storage.Blob) -> ListedImage:
    crc32c = blob.crc32c if blob.size > LARGE_BYTES else ""
    return ListedImage(name=blob.name, generation=blob.generation, size=blob.size, crc32c=crc32c)


def read_image(client: storage.Client, bucket: str, listed: ListedImage) -> EncodedImage:
    """The picture's bytes, once its header says that it can be decoded within the limits.

    Raises:
        Unreadable: it is gone, empty, too large, or no picture.
        Denied, Unavailable: see `storage_failures`.
    """
    if listed.size == 0:
        raise Unreadable("empty", "the object has no bytes")
    if listed.size > MOST_BYTES:
        raise Unreadable("too-large", f"the object has more than {MOST_BYTES} bytes")
    with storage_failures(f"an image in `gs://{bucket}`"):
        try:
            data = _read(client.bucket(bucket), listed)
        except NotFound:
            raise Unreadable("gone", "the object was deleted or replaced after the job began") from None
        except DataCorruption:
            raise Unreadable("corrupt", "the object's bytes do not match its checksum") from None
    return check_header(data)


def _read(bucket: storage.Bucket, listed: ListedImage) -> bytes:
    if listed.size > LARGE_BYTES:
        return read_large(
            bucket, listed.name, generation=listed.generation, size=listed.size, crc32c=listed.crc32c
        )
    return read_whole(bucket, listed.name, generation=listed.generation)


def check_header(data: bytes) -> EncodedImage:
    """`data` is a picture of a known format and a size within the limits; nothing is decoded yet.

    Raises:
        Unreadable: it is not.
    """
    if data.startswith(_JPEG) and not _may_be_turned(data):
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(data)
        except ValueError:
            return _check_by_pillow(data)  # which knows more of them, and says what it is not
        return EncodedImage(data=data, orientation=1, pixels=_checked_pixels(width, height))
    return _check_by_pillow(data)


def _may_be_turned(jpeg: bytes) -> bool:
    """Exif or XMP, each of which may name an orientation, is in front of the first scan; or who knows."""
    at = 2
    while (marker := jpeg[at : at + 2]) != _SOS:
        if marker == _APP1 or not b"\xff\xc0" <= marker < b"\xff\xff" or b"\xff\xd0" <= marker <= b"\xff\xd9":
            return True
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return False


def _check_by_pillow(data: bytes) -> EncodedImage:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return EncodedImage(
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
