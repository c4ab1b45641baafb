"""The owner's archive in the owner's bucket: streamed from the files it is made of, in pieces of a few MB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.cloud import storage

from .packing import Packing

_PIECE_BYTES = 8 << 20
_TIMEOUT_S = 300


def upload(
    blob: storage.Blob,
    packing: Packing,
    *,
    size: int,
    if_generation_match: int | None = None,
    note: Callable[[int], None] = lambda _bytes: None,
) -> None:
    """The object has the archive's bytes; `note` is told how many have been handed on.

    `if_generation_match`: the generation that is replaced, 0 for none; otherwise nothing is changed.

    Raises:
        Misconfigured: a file cannot be read, or became shorter.
        GoogleAPIError, GoogleAuthError: as Cloud Storage answers.
    """
    with packing.open() as archive:
        upload_open(blob, archive, size=size, if_generation_match=if_generation_match, note=note)


def upload_open(
    blob: storage.Blob,
    archive: Any,
    *,
    size: int,
    if_generation_match: int | None = None,
    note: Callable[[int], None] = lambda _bytes: None,
) -> None:
    """The object has the bytes of `archive`, a file that is open and can be sought in; otherwise as
    `upload`."""
    blob.chunk_size = _PIECE_BYTES
    blob.upload_from_file(
        _Noted(archive, note),
        size=size,
        content_type="application/octet-stream",
        if_generation_match=if_generation_match,
        timeout=_TIMEOUT_S,
    )


class _Noted:
    """A file that tells how far it has been read."""

    def __init__(self, file: Any, note: Callable[[int], None]) -> None:
        self._file = file
        self._note = note
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self._note(self._file.tell())
        return data
