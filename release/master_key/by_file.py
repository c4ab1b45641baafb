"""Wrapping by the keys of a `master.key` that is open, and is looked at again when it changes."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from attestation.errors import Misconfigured, quoted

from . import sealed_file
from .sealed_file import Lock, MasterKeyMalformed, Ring
from .wrapping import FILE, FILE_ID_BYTES, key_id_of, refused, render_by_file, take_apart, unknown

_NONCE_BYTES = 12
_Seen = tuple[int, int, int]


class FileWrapping:
    """A `Wrapping` by the file's current key; it knows each key that the file has.

    INVARIANT: before anything is wrapped the file is looked at: what a new key has replaced wraps no more.
    """

    def __init__(self, path: Path, ring: Ring, lock: Lock, seen: _Seen) -> None:
        self._path, self._ring, self._lock, self._seen = path, ring, lock, seen
        self._changing = threading.Lock()

    def __repr__(self) -> str:
        return f"FileWrapping({self._ring.current})"

    @property
    def current(self) -> str:
        return self._look().current

    def wrap(self, data: bytes, associated: bytes) -> bytes:
        ring = self._look()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        key = AESGCM(ring.keys[ring.current])
        sealed = key.encrypt(nonce, data, _associated(ring.current, associated))
        return render_by_file(ring.current, nonce + sealed)

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        kind, key_id, body = take_apart(wrapped)
        if kind != FILE:
            raise unknown(key_id)
        key = self._ring.keys.get(key_id) or self._look().keys.get(key_id)
        if key is None:
            raise unknown(key_id)
        nonce, sealed = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, _associated(key_id, associated))
        except (InvalidTag, ValueError):
            raise refused() from None

    def is_current(self, wrapped: bytes) -> bool:
        return key_id_of(wrapped) == self._look().current

    @property
    def next(self) -> str | None:
        """The id of the key that is to wrap next, where there is one."""
        return self._look().next

    @property
    def has_others(self) -> bool:
        """Whether the file has keys besides the current one."""
        return len(self._look().keys) > 1

    def add_next(self) -> str:
        """A new key is in the file, which wraps nothing yet; its id.

        Raises:
            Misconfigured: the file cannot be read or written.
        """
        self._change(Ring.with_next)
        return str(self._ring.next)

    def take_turn(self) -> None:
        """The next key wraps from now on, here and in every broker that has the file.

        Raises:
            Misconfigured: the file cannot be read or written.
        """
        self._change(Ring.with_turn)

    def forget_others(self) -> None:
        """The file has its current key alone: call it when nothing is left that another one wrapped.

        Raises:
            Misconfigured: the file cannot be read or written.
        """
        self._change(Ring.with_current_alone)

    def _change(self, change: Callable[[Ring], Ring]) -> None:
        with self._changing:
            self._read()
            ring = change(self._ring)
            write_private(self._path, sealed_file.seal(ring, self._lock))
            self._ring, self._seen = ring, _seen(self._path.stat())

    def _look(self) -> Ring:
        """The ring that the file has; where the file is away for a moment, the one that it had."""
        try:
            seen = _seen(self._path.stat())
        except OSError:
            return self._ring
        if seen != self._seen:
            # One that is being copied into its place is looked at again.
            with self._changing, suppress(MasterKeyMalformed):
                if seen != self._seen:
                    self._read()
        return self._ring

    def _read(self) -> None:
        data, seen = _read(self._path)
        self._ring, self._seen = sealed_file.open_by_lock(data, self._lock), seen


def open_file(path: Path, passphrase: str) -> FileWrapping:
    """The master key in that file, open.

    Raises:
        PassphraseWrong: the passphrase does not open it.
        MasterKeyFormatUnknown, MasterKeyMalformed: it is no such file.
        Misconfigured: it cannot be read.
    """
    data, seen = _read(path)
    ring, lock = sealed_file.open_by_passphrase(data, passphrase)
    return FileWrapping(path, ring, lock, seen)


def make_file(path: Path, passphrase: str, *, cost: sealed_file.Cost | None = None) -> FileWrapping:
    """A new master key is in that file, which was not there, and is open.

    Raises:
        Misconfigured: the passphrase is too short, or the file cannot be written.
    """
    ring, lock = sealed_file.new_ring(), sealed_file.lock_by(passphrase, cost=cost)
    write_private(path, sealed_file.seal(ring, lock))
    return FileWrapping(path, ring, lock, _seen(path.stat()))


def write_private(path: Path, data: bytes) -> None:
    """The file has these bytes, durably, for its owner's eyes; who reads it meanwhile sees the old ones.

    Raises:
        Misconfigured: it cannot be written.
    """
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise Misconfigured(
            f"cannot write {quoted(path.name)} of the broker's: {reason}",
            hint="let the broker's account write to its folder",
        ) from None


def _read(path: Path) -> tuple[bytes, _Seen]:
    try:
        with path.open("rb") as file:
            return file.read(sealed_file.MOST_FILE_BYTES + 1), _seen(os.fstat(file.fileno()))
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise Misconfigured(
            f"cannot read the master key {quoted(path.name)}: {reason}",
            hint="restore it from a backup: without it nothing that the broker keeps opens",
        ) from None


def _seen(status: os.stat_result) -> _Seen:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _associated(key_id: str, associated: bytes) -> bytes:
    """INVARIANT: the id has a fixed length, so that no two pairs come to the same bytes."""
    if len(key_id) != 2 * FILE_ID_BYTES:
        raise ValueError("a master key's id has another length")
    return bytes.fromhex(key_id) + associated
