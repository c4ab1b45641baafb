"""The operator's pictures: which there are, and the bytes of each one that can be decoded.

A picture that cannot is that picture's own error (`Unreadable`), and nobody else's. A service
that fails is not: that ends the job, so that it can be started again.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from google.api_core.exceptions import NotFound
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption

from attestation.errors import Misconfigured
from contract.job import PICTURE_SUFFIXES, LeftOut, ListedPicture, is_picture
from contract.uris import FolderUri

from .object_storage import read_large, read_small, storage_failures
from .patience import for_storage
from .pictures.headers import MOST_BYTES, EncodedPicture, Unreadable, check_header
from .pictures.listing import LARGE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The pictures of a folder, and how many of its objects are none."""

    pictures: tuple[ListedPicture, ...]
    left_out: LeftOut


def list_pictures(client: storage.Client, folder: FolderUri, *, most: int) -> Listing:
    """Every picture in `folder`, in the bucket's listing order (by the UTF-8 bytes of the name).

    Raises:
        Misconfigured: there is none, or there are more than `most`; or see `storage_failures`.
    """
    with storage_failures(f"INPUT_URI `{folder}`"):
        blobs = client.list_blobs(
            folder.bucket,
            prefix=folder.prefix,
            fields="items(name,generation,size,crc32c,contentEncoding),nextPageToken",
            **for_storage(),
        )
        listed: list[ListedPicture] = []
        placeholders = other_names = 0
        for blob in blobs:
            if is_picture(blob.name):
                listed.append(_listed(blob))
            elif blob.name.endswith("/"):
                placeholders += 1
            else:
                other_names += 1
            if len(listed) > most:
                raise Misconfigured(
                    f"INPUT_URI `{folder}` holds more pictures than the owner's terms allow",
                    hint=f"split them into folders of at most {most}, one job each",
                )
    if not listed:
        raise Misconfigured(
            f"INPUT_URI `{folder}` holds no picture",
            hint=f"names of pictures end in {', '.join(PICTURE_SUFFIXES)}",
        )
    left_out = LeftOut(placeholders=placeholders, other_names=other_names)
    return Listing(pictures=tuple(listed), left_out=left_out)


def _listed(blob: storage.Blob) -> ListedPicture:
    crc32c = blob.crc32c if blob.size > LARGE_BYTES else ""
    return ListedPicture(
        name=blob.name,
        generation=blob.generation,
        size=blob.size,
        crc32c=crc32c,
        is_gzipped=blob.content_encoding == "gzip",
    )


def read_picture(
    client: storage.Client,
    bucket: str,
    listed: ListedPicture,
    *,
    note: Callable[[ListedPicture, str], None] = lambda _listed, _sha256: None,
) -> EncodedPicture:
    """The picture's bytes, once its header says that it can be decoded within the limits.

    `note` is told the SHA-256 of what was read, as it is stored, in hex digits, whatever the header says.

    Raises:
        Unreadable: it is gone, empty, too large, or no picture.
        Denied, Unavailable: see `storage_failures`.
    """
    if listed.size == 0:
        raise Unreadable("empty", "the object has no bytes")
    if listed.size > MOST_BYTES:
        raise Unreadable("too-large", f"the object has more than {MOST_BYTES} bytes")
    with storage_failures(f"a picture in `gs://{bucket}`"):
        try:
            data = _read_twice(client, bucket, listed)
        except NotFound:
            raise Unreadable("gone", "the object was deleted or replaced after the job began") from None
        except DataCorruption:
            raise Unreadable("corrupt", "the object's bytes do not match its checksum") from None
    note(listed, hashlib.sha256(data).hexdigest())
    return check_header(_unzipped(data) if listed.is_gzipped else data)


def _unzipped(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unzipped = file.read(MOST_BYTES + 1)
    except (EOFError, OSError, zlib.error):
        raise Unreadable("undecodable", "the object is stored as gzip, and is cut off or damaged") from None
    if len(unzipped) > MOST_BYTES:
        raise Unreadable("too-large", f"the object has more than {MOST_BYTES} bytes once it is unzipped")
    return unzipped


def _read_twice(client: storage.Client, bucket: str, listed: ListedPicture) -> bytes:
    """What arrives damaged is read once more: the object itself may be sound."""
    try:
        return _read(client, bucket, listed)
    except DataCorruption:
        return _read(client, bucket, listed)


def _read(client: storage.Client, bucket: str, listed: ListedPicture) -> bytes:
    name, generation = listed.name, listed.generation
    if listed.size > LARGE_BYTES:
        whole = client.bucket(bucket)
        return read_large(whole, name, generation=generation, size=listed.size, crc32c=listed.crc32c)
    return read_small(client, bucket, name, generation=generation)
