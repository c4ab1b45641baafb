"""A model's archive as it is sealed: read from the files it is made of, encrypted piece by piece, stored
nowhere.

Twice the archive is read: once for its SHA-256, which the manifest has and each segment is bound to, and
once to be encrypted. What it was the second time is held against the first by its CRC32C.
"""

from __future__ import annotations

import base64
import io
import os
import tarfile
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import google_crc32c

from attestation.digests import Digest, digest_of
from attestation.errors import Misconfigured
from contract.sealed_model import MOST_FILES, Manifest, PackedFile, render_manifest
from contract.sealed_stream import (
    HEADER_BYTES,
    KEY_BYTES,
    PREFIX_BYTES,
    SALT_BYTES,
    SEGMENT_BYTES,
    Stream,
    make_header,
)

from .packing import Measured, Packing


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSeal:
    """A manifest, and the data key that its stream is sealed with."""

    manifest: Manifest
    payload: bytes
    digest: Digest
    key: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of the sealed stream."""
        return self.manifest.layout.sealed_size


def new_seal(packing: Packing, measured: Measured, *, model_id: str, version: int) -> NewSeal:
    """A seal that nothing was sealed with before: key, salt and nonce prefix are new.

    Raises:
        Misconfigured: the archive is none that a workload would unpack, or a file cannot be read.
    """
    header = make_header(os.urandom(SALT_BYTES), os.urandom(PREFIX_BYTES))
    manifest = Manifest(
        model_id=model_id,
        version=version,
        digest=measured.digest,
        size=measured.size,
        files=files_of(packing),
        header=header,
    )
    payload = render_manifest(manifest)
    return NewSeal(manifest=manifest, payload=payload, digest=digest_of(payload), key=os.urandom(KEY_BYTES))


def files_of(packing: Packing) -> tuple[PackedFile, ...]:
    """Each file of the archive.

    Raises:
        Misconfigured: it is no archive, or has more files than a model may.
    """
    try:
        if packing.archive is None:
            found = [PackedFile(name=name, size=path.stat().st_size) for name, path in packing.files]
        else:
            with packing.open() as archive, tarfile.open(fileobj=archive, mode="r:*") as tar:
                found = [PackedFile(name=each.name, size=each.size) for each in tar if each.isfile()]
    except (OSError, EOFError, tarfile.TarError):
        raise Misconfigured(
            "the model's archive is truncated, or not a tar archive",
            hint="pack it again: tar -cf model.tar -C FOLDER .",
        ) from None
    if len(found) > MOST_FILES:
        raise Misconfigured(f"the model has more than {MOST_FILES} files", hint="a workload unpacks no more")
    return tuple(found)


class SealedArchive(io.RawIOBase):
    """The bytes of the sealed stream, as they would lie in a file: seekable, and a segment in memory at a
    time."""

    def __init__(self, packing: Packing, seal: NewSeal) -> None:
        self._header = seal.manifest.header
        self._stream = Stream(
            seal.key, header=seal.manifest.header, associated=seal.digest, size=seal.manifest.size
        )
        self._plain: BinaryIO = packing.open()
        self._segment = memoryview(b"")
        self._sealed = memoryview(bytearray(SEGMENT_BYTES))
        self._index = -1
        self._at = 0
        self._counted = 0
        self._crc32c = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = self._stream.layout.sealed_size
        self._at = max(0, offset + (0, self._at, size)[whence])
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view) and self._at < self._stream.layout.sealed_size:
            piece = self._piece()[: len(view) - done]
            view[done : done + len(piece)] = piece
            done, self._at = done + len(piece), self._at + len(piece)
        return done

    def check_same(self, measured: Measured) -> None:
        """The archive that was sealed is the one that was measured.

        Raises:
            Misconfigured: it became another meanwhile, or has not been read whole.
        """
        layout = self._stream.layout
        found = base64.b64encode(self._crc32c.to_bytes(4, "big")).decode()
        if self._counted != layout.segments or found != measured.crc32c:
            raise Misconfigured(
                "the model changed while it was sealed, and nothing is pinned",
                hint="let no program write the model meanwhile, and run the command again",
            )

    def close(self) -> None:
        self._plain.close()
        super().close()

    def _piece(self) -> memoryview:
        """What the stream has from `self._at` on, up to the end of its header or its segment."""
        if self._at < HEADER_BYTES:
            return memoryview(self._header)[self._at :]
        index = self._at // SEGMENT_BYTES
        if index != self._index:
            self._seal(index)
        return self._segment[self._at - self._stream.layout.segment(index).start :]

    def _seal(self, index: int) -> None:
        place = self._stream.layout.segment(index)
        wanted = place.plain_end - place.plain_start
        if self._plain.tell() != place.plain_start:
            self._plain.seek(place.plain_start)
        plain = self._plain.read(wanted)
        if len(plain) != wanted:
            raise Misconfigured(
                "the model became shorter while it was sealed",
                hint="let no program write the model meanwhile",
            )
        self._segment = self._sealed[: place.end - place.start]
        self._stream.seal_segment(index, plain, self._segment)
        self._index = index
        if index == self._counted:  # for the first time, and in order
            self._crc32c = google_crc32c.extend(self._crc32c, plain)
            self._counted += 1
