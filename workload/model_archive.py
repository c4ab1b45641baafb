"""The model's archive: fetched, hashed while it arrives, and unpacked only where it is the pinned one.

INVARIANT: until the SHA-256 is the one in the terms, no byte of the archive is parsed, not even
decompressed. The limits on what it unpacks to guard against the owner's own mistakes.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from google.api_core.exceptions import NotFound, RequestRangeNotSatisfiable
from google.cloud import storage

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable
from contract.terms import ModelTerms

from .object_storage import read_ranges, storage_failures
from .patience import for_storage
from .scratch import room_for

ONE_STREAM_BYTES = 32 << 20
"""So much of the archive is read by one request; the rest of a larger one by ranges."""
MOST_MEMBERS = 10_000
DEEPEST_PATH = 100
"""Most parts that a member's path may have. A model's has three; a thousand are more than Python unpacks."""
LARGEST_RATIO = 200
"""Times its own size that an archive may unpack to, once that is more than `RATIO_FREE_BYTES`."""
RATIO_FREE_BYTES = 16 << 20

_BLOCK = 262_144
"""Bytes at a time: a few more or fewer change the speed and nothing else."""
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# POSIX pax, "ustar Interchange Format": at least two blocks of zeros.
_END_OF_TAR = bytes(2 * tarfile.BLOCKSIZE)

# A second pair of eyes where Python has it (Debian 12's 3.11.2 does not). `_check_member` lets
# nothing but files and folders through, and without links no name leads anywhere else.
_EXTRACTION_FILTER = getattr(tarfile, "data_filter", lambda member, _folder: member)

# What reading a damaged archive raises: tarfile lets a name or a number that is none through as ValueError,
# and headers in front of headers without end as RecursionError.
_UNREADABLE = (OSError, EOFError, tarfile.TarError, zlib.error, ValueError, RecursionError)


def fetch(
    client: storage.Client,
    terms: ModelTerms,
    archive: Path,
    *,
    note: Callable[[int], None] = lambda _generation: None,
) -> Digest:
    """The owner's object, at the generation that the terms pin, is in `archive`; its SHA-256.

    `note` is told the generation that is read, which is the newest where the terms pin none.

    The first `ONE_STREAM_BYTES` are one request. What is behind them comes by several ranges at a
    time, of the generation that the first answer named, and is hashed in order as it arrives.

    Raises:
        Misconfigured, Denied, Unavailable: see `storage_failures`; or the disk is too small.
    """
    bucket = client.bucket(terms.uri.bucket)
    blob = bucket.blob(terms.uri.name, generation=terms.generation)
    with (
        room_for("the model"),
        archive.open("xb") as file,
        storage_failures("the owner's model"),
    ):
        hashing = _HashingFile(file)
        arriving = io.BufferedWriter(hashing, _BLOCK)
        # The pinned SHA-256 is the one judge of these bytes: a stored checksum is its uploader's.
        try:
            blob.download_to_file(
                arriving, end=ONE_STREAM_BYTES - 1, raw_download=True, checksum=None, **for_storage()
            )
        except RequestRangeNotSatisfiable:  # so it is said of an object without a byte
            return hashing.digest()
        except NotFound:
            arriving.flush()
            if hashing.size == 0 or terms.generation is not None:
                raise
            raise _replaced() from None
        arriving.flush()
        generation = int(blob.generation)
        note(generation)
        if hashing.size < ONE_STREAM_BYTES:
            return hashing.digest()
        blob = bucket.blob(terms.uri.name, generation=generation)
        try:
            blob.reload(**for_storage())
            rest = read_ranges(
                bucket, terms.uri.name, generation=generation, start=hashing.size, size=blob.size
            )
            with closing(rest):
                for piece in rest:
                    arriving.write(piece)
        except NotFound:
            raise _replaced() from None
        arriving.flush()
        return hashing.digest()


def _replaced() -> Unavailable:
    return Unavailable(
        "the owner's model was replaced or deleted while it arrived",
        hint="start the job again: what is there then is fetched, and held against the terms",
    )


def verify(found: Digest, terms: ModelTerms) -> None:
    """What arrived is the model that the image was published for.

    Raises:
        EvidenceRejected: it is anything else.
    """
    if found != terms.sha256:
        raise EvidenceRejected(
            "the model in the bucket is not the one that this image was published for",
            hint=f"the owner restores the object whose digest is `{terms.sha256}`",
        )


def unpack(archive: Path, folder: Path, *, max_unpacked_bytes: int) -> None:
    """The archive's files are in `folder`, and the archive is gone.

    It is read once, and is a tar archive, gzipped or not: weights hardly shrink, and decompressing
    them takes six times as long as copying them.

    Raises:
        Misconfigured: it is no such archive, is truncated, unpacks to more than the limits (a sparse
            member counts with its holes), or has a member that is a link, a device, too deep, or would
            land outside `folder`.
    """
    limit = min(max_unpacked_bytes, max(RATIO_FREE_BYTES, LARGEST_RATIO * archive.stat().st_size))
    try:
        with room_for("the model"), archive.open("rb") as packed:
            limited = _Limited(_unzipped(packed), limit)
            with tarfile.open(fileobj=limited, mode="r|", bufsize=_BLOCK) as tar:
                tar.copybufsize = _BLOCK  # type: ignore[attr-defined]  # since Python 3.7
                tar.extraction_filter = _EXTRACTION_FILTER
                apparent = 0
                for count, member in enumerate(tar, start=1):
                    _check_member(member, count)
                    # A hole takes no byte of the archive, and as many as any other part once it is read.
                    apparent += member.size
                    if apparent > limit:
                        raise _too_large()
                    tar.extract(member, folder, set_attrs=False)
            # A gzip stream tells that it was cut off, or altered, only at its very end.
            while limited.read(_BLOCK):
                pass
    except _UNREADABLE:
        raise _bad_archive("is truncated, or not a tar archive, gzipped or plain") from None
    archive.unlink()


def _unzipped(packed: BinaryIO) -> _Source:
    """What `packed` holds, decompressed where it is gzipped.

    Raises:
        EOFError, OSError: it is neither gzipped nor has the empty blocks with which a tar archive ends.
    """
    magic = packed.read(len(_GZIP))
    if magic != _GZIP:
        packed.seek(-len(_END_OF_TAR), os.SEEK_END)
        if packed.read() != _END_OF_TAR:
            raise EOFError
    packed.seek(0)
    return _Gunzipped(packed) if magic == _GZIP else packed


def _check_member(member: tarfile.TarInfo, count: int) -> None:
    path = PurePosixPath(member.name)
    if count > MOST_MEMBERS:
        raise _bad_archive(f"has more than {MOST_MEMBERS} members")
    if not (member.isfile() or member.isdir()):
        raise _bad_archive("has a member that is neither file nor folder")
    if path.is_absolute() or ".." in path.parts:
        raise _bad_archive("has a member that would land outside its folder")
    if len(path.parts) > DEEPEST_PATH:
        raise _bad_archive(f"has a member whose path has more than {DEEPEST_PATH} parts")


def _bad_archive(what: str) -> Misconfigured:
    return Misconfigured(
        f"the owner's model archive {what}",
        hint="the owner packs it again, `tar -czf model.tar.gz -C FOLDER .`, and publishes its new digest",
    )


def _too_large() -> Misconfigured:
    return _bad_archive("unpacks to more than its limit")


class _Source(Protocol):
    """Where an archive is read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, none at the end."""


class _HashingFile(io.RawIOBase):
    """Writes to `file`, and knows the SHA-256 of everything written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # a memoryview: a buffered writer writes nothing else
        written = self._file.write(data)
        self._sha256.update(data[:written])
        self.size += written
        return written

    def digest(self) -> Digest:
        return Digest("sha256:" + self._sha256.hexdigest())


class _Gunzipped:
    """What the gzip members of `packed` hold, one behind the other.

    Python 3.11's own reader takes 8 KiB at a time, and gives up Python's lock as often: while another
    thread imports a runtime, it waits for it longer than for the bytes.

    Source: RFC 1952, section 2.2.
    """

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._waiting = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end.

        Raises:
            EOFError, zlib.error: the member is cut off, or is not what its checksum says.
        """
        while not self._member.eof or self._begin_member():
            data = self._waiting or self._packed.read(_BLOCK)
            piece = self._member.decompress(data, size)
            self._waiting = self._member.unconsumed_tail
            if piece:
                return piece
            if not data:
                raise EOFError
        return b""

    def _begin_member(self) -> bool:
        """Whether there is one more; what pads a member are zeros."""
        rest = self._member.unused_data.lstrip(b"\0")
        while not rest:
            block = self._packed.read(_BLOCK)
            if not block:
                return False
            rest = block.lstrip(b"\0")
        self._member, self._waiting = zlib.decompressobj(_GZIP_WINDOW), rest
        return True


class _Limited(io.RawIOBase):
    """Reads from `source`, and refuses to give more than `limit` bytes in all."""

    def __init__(self, source: _Source, limit: int) -> None:
        self._source = source
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large()
        return data
