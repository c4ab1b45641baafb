"""The operator's pictures: which there are, and the bytes of each one that can be decoded.

A picture that cannot is that picture's own error (`Unreadable`), and nobody else's. A service
that fails is not: that ends the job, so that it can be started again.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from google.api_core.exceptions import NotFound
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from PIL import Image

from attestation.errors import Misconfigured

from .object_storage import storage_failures
from .uris import FolderUri

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
MOST_PIXELS = 64_000_000
MOST_BYTES = 64 << 20

# Only what the decoder reads: Pillow knows many more formats, and each is code that strangers reach.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
_EXIF_ORIENTATION = 0x0112

# `MOST_PIXELS` stands in place of Pillow's own limit, which first warns and then raises.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """An object that was there when the bucket was listed; later generations of it are not read."""

    name: str
    generation: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedImage:
    """A picture whose header is sound. `orientation` is EXIF's, 1 to 8; 1 is upright."""

    data: bytes
    orientation: int


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
            folder.bucket, prefix=folder.prefix, fields="items(name,generation,size),nextPageToken"
        )
        listed = []
        for blob in blobs:
            if blob.name.lower().endswith(SUFFIXES):
                listed.append(ListedImage(name=blob.name, generation=blob.generation, size=blob.size))
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
    blob = client.bucket(bucket).blob(listed.name, generation=listed.generation)
    with storage_failures(f"an image in `gs://{bucket}`"):
        try:
            data: bytes = blob.download_as_bytes(raw_download=True)
        except NotFound:
            raise Unreadable("gone", "the object was deleted or replaced after the job began") from None
        except DataCorruption:
            raise Unreadable("corrupt", "the object's bytes do not match its checksum") from None
    return check_header(data)


def check_header(data: bytes) -> EncodedImage:
    """`data` is a picture of a known format and a size within the limits; nothing is decoded yet.

    Raises:
        Unreadable: it is not.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                message = f"the image has {width} by {height} pixels, and {MOST_PIXELS} in all are the most"
                raise Unreadable("too-large", message)
            orientation = _orientation(image)
            if image.format == "GIF" or (image.format == "WEBP" and getattr(image, "is_animated", False)):
                data = _first_frame(image)
    except (OSError, ValueError, SyntaxError, OverflowError, EOFError):
        raise Unreadable("not-an-image", "the object is not a JPEG, PNG, GIF, BMP or WebP image") from None
    return EncodedImage(data=data, orientation=orientation)


def _orientation(image: Image.Image) -> int:
    # A PNG would be decoded for it, and cameras write none. MPO is a JPEG with a second one behind it.
    if image.format not in ("JPEG", "MPO"):
        return 1
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION)
    except (OSError, ValueError, SyntaxError):
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _first_frame(image: Image.Image) -> bytes:
    """As PNG. TensorFlow reads no animated WebP; and of a GIF it decodes every frame, to see how large
    the largest is, where only the first one's size was checked.
    """
    frame = io.BytesIO()
    try:
        image.convert("RGB").save(frame, "PNG", compress_level=0)
    except (OSError, ValueError, SyntaxError, EOFError):
        raise undecodable() from None
    return frame.getvalue()
