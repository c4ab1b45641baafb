"""An audit log of every decision, as JSON Lines: who asked for what of which service, and the answer.

It never holds a credential. Cloud Audit Logs' field names are used where one fits.

Each line names the SHA-256 of the one before it (`previous`), and beside the log stands its **head**: how
many lines there are, the SHA-256 of the last one, and a signature over both by a key of the state folder. A
line that was dropped, moved, edited or cut off is found so (`verify_log`). A writer goes on from the head,
whatever lies in the log: it never vouches for lines that it did not write, but for a single one that the head
just missed, where the process was killed between the two writes.

Whoever has the folder has the key, and can write another log. A head that was kept elsewhere finds that out:
its line has to be in the log still, and its signature has to be by the same key.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from attestation.errors import EvidenceRejected

HEAD_NAME: Final = "audit.head"
_KEY_NAME: Final = "audit.key"
_DOMAIN: Final = "symbolon:audit-head:v1"
_HEAD_BYTES: Final = 256
_NOTHING: Final = "0" * 64
"""What the first line names as the one before it."""


class AuditLogBroken(EvidenceRejected):
    """The audit log is not as the emulator wrote it."""

    code = "audit-log-broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """That a log had so many `lines`, of which the last has this SHA-256, in hex digits."""

    lines: int
    sha256: str

    def _signed(self) -> bytes:
        return f"{_DOMAIN}\n{self.lines}\n{self.sha256}\n".encode()

    def render(self, key: Ed25519PrivateKey) -> bytes:
        """The head's document, signed."""
        signature = base64.b64encode(key.sign(self._signed())).decode()
        document = {"format": 1, "lines": self.lines, "sha256": self.sha256, "signature": signature}
        return json.dumps(document).encode().ljust(_HEAD_BYTES - 1) + b"\n"

    def follow(self, line: bytes) -> Head:
        """The head after one more line, which is without its end."""
        return Head(lines=self.lines + 1, sha256=hashlib.sha256(line).hexdigest())


EMPTY: Final = Head(lines=0, sha256=_NOTHING)


def parse_head(data: bytes, key: Ed25519PublicKey) -> Head:
    """What `Head.render` wrote, signed by `key`.

    Raises:
        AuditLogBroken: it is no such document, or another key signed it.
    """
    try:
        document = json.loads(data)
        head = Head(lines=int(document["lines"]), sha256=str(document["sha256"]))
        if document["format"] != 1:
            raise ValueError
        key.verify(base64.b64decode(document["signature"], validate=True), head._signed())
    except (ValueError, LookupError, TypeError, RecursionError):
        raise AuditLogBroken("the head is not one that an emulator writes") from None
    except InvalidSignature:
        raise AuditLogBroken("the head is not signed by this emulator's key") from None
    return head


def verify_log(folder: Path, *, kept: bytes | None = None) -> Head:
    """The log in the state folder is what its emulator wrote, whole and in order; its head.

    `kept` is an earlier head that somebody has kept elsewhere: the log has to go on from it.

    Raises:
        AuditLogBroken: it is not; the message says from which line on.
    """
    try:
        key = _read_key(folder / _KEY_NAME)
    except ValueError:
        raise AuditLogBroken("what lies where the audit log's key was is no key") from None
    if key is None:
        raise AuditLogBroken("there is no key of an audit log in the state folder")
    with _locked(folder):
        try:
            signed = (folder / HEAD_NAME).read_bytes()
        except FileNotFoundError:
            raise AuditLogBroken("the log has no head") from None
        lines = _lines(folder / "audit.jsonl")
        is_cut = _is_cut(folder / "audit.jsonl")
    head = parse_head(signed, key.public_key())
    earlier = EMPTY if kept is None else parse_head(kept, key.public_key())
    found, passed = EMPTY, earlier == EMPTY
    for line in lines:
        if _previous(line) != found.sha256:
            raise AuditLogBroken(
                f"line {found.lines + 1} does not follow the one before it: one was dropped, moved or edited"
            )
        found = found.follow(line)
        passed = passed or found == earlier
    if found.lines < head.lines:
        raise AuditLogBroken(
            f"the log ends after line {found.lines}, and its head was signed for {head.lines}"
        )
    if found.lines > head.lines:
        raise AuditLogBroken(f"line {head.lines + 1} was added: the head was signed for {head.lines} lines")
    if found != head or is_cut:
        raise AuditLogBroken(f"line {found.lines} is not the one that the head was signed for")
    if not passed:
        raise AuditLogBroken(f"the log does not go on from the head that was kept, of line {earlier.lines}")
    return head


class AuditLog:
    """Appends one JSON object a decision to `path`; readable while it grows. One process writes at a time."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock
        self._lock = Lock()
        self._key = _read_key(path.with_name(_KEY_NAME)) or _make_key(path.with_name(_KEY_NAME))
        self._head: Head | None = None

    def record(
        self,
        *,
        service: str,
        method: str,
        principal: str,
        resource: str,
        granted: bool,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """One decision is on disk, and the head is signed for it."""
        entry: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds"),
            "serviceName": service,
            "methodName": method,
            "principal": principal,
            "resourceName": resource,
            "granted": granted,
        }
        if detail:
            entry["detail"] = dict(detail)
        with self._lock, _locked(self.path.parent):
            before = self._head or self._found_head()
            line = json.dumps(entry | {"previous": before.sha256}, separators=(",", ":")).encode()
            with self.path.open("ab") as log:
                log.write(line + b"\n")
            self._head = before.follow(line)
            _write_head(self.path.with_name(HEAD_NAME), self._head.render(self._key))

    def entries(self) -> list[dict[str, object]]:
        """Every decision so far, oldest first."""
        return [json.loads(line) for line in _lines(self.path)]

    def _found_head(self) -> Head:
        """Where an earlier process stopped: at its head, or at the one line that the head missed."""
        try:
            head = parse_head(self.path.with_name(HEAD_NAME).read_bytes(), self._key.public_key())
        except (FileNotFoundError, AuditLogBroken):
            head = EMPTY
        lines = _lines(self.path)
        if len(lines) == head.lines + 1 and _previous(lines[-1]) == head.sha256:
            return head.follow(lines[-1])
        return head


def _write_head(path: Path, document: bytes) -> None:
    """By one write of one length, which a killed process did or did not do: a new file each time is slow."""
    head = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(head, document, 0)
    finally:
        os.close(head)


def _lines(path: Path) -> list[bytes]:
    """The lines without their ends; what follows the last end, of a line that was cut, is one as well."""
    if not path.exists():
        return []
    *lines, rest = path.read_bytes().split(b"\n")
    return [*lines, rest] if rest else lines


def _is_cut(path: Path) -> bool:
    """Its last line has no end."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as log:
        log.seek(-1, os.SEEK_END)
        return log.read() != b"\n"


def _previous(line: bytes) -> str:
    try:
        return str(json.loads(line)["previous"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _read_key(path: Path) -> Ed25519PrivateKey | None:
    try:
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except FileNotFoundError:
        return None


def _make_key(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.private_bytes_raw())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # where the disk is full: half a key is none
    return key


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else writes the log or its head within the block, nor reads the one without the other."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
