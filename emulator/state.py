"""The emulator's memory: one folder, readable by its owner alone, written so that a crash loses nothing.

Documents (projects, service accounts, pools, bucket metadata, …) are JSON files, one a
collection; each service keeps its own collections and its own folders for bytes.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from attestation.errors import Misconfigured

from .audit import AuditLog

Document = dict[str, Any]
"""A resource as its REST API shows it: JSON, whose shape the service that owns it knows."""


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """`path` holds `data`, or what it held before: never a part."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # where the disk is full, above all


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """The block has read `path` as an emulator's own file. One that is not stays as it is.

    Raises:
        Misconfigured: it cannot be understood.
    """
    try:
        yield
    except sqlite3.OperationalError:
        raise  # a full disk, say: the file is as it was
    except (ValueError, TypeError, RecursionError, sqlite3.DatabaseError, ssl.SSLError):
        aside = f"mv {shlex.quote(str(path))} {shlex.quote(f'{path}.damaged')}"
        raise Misconfigured(
            f"`{path}` is damaged: it is not what an emulator writes",
            hint=f"put a copy of it there, or go on without what it held: {aside}",
        ) from None


class Collection:
    """A dictionary of documents by resource name that survives a restart; any thread may use it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = RLock()
        with reading(path):
            self._documents = _parse_documents(path.read_bytes()) if path.exists() else {}

    def get(self, name: str) -> Document | None:
        return self._documents.get(name)

    def put(self, name: str, document: Document) -> Document:
        with self._lock:
            self._save({**self._documents, name: document})
        return document

    def delete(self, name: str) -> None:
        with self._lock:
            self._save({key: value for key, value in self._documents.items() if key != name})

    def items(self) -> list[tuple[str, Document]]:
        with self._lock:
            return sorted(self._documents.items())

    def __contains__(self, name: str) -> bool:
        return name in self._documents

    def _save(self, documents: dict[str, Document]) -> None:
        """These are the documents, on disk and then here: what could not be written is not there either."""
        write_atomically(self._path, json.dumps(documents, indent=1).encode())
        self._documents = documents


def _parse_documents(data: bytes) -> dict[str, Document]:
    documents = json.loads(data)
    if not isinstance(documents, dict) or not all(isinstance(each, dict) for each in documents.values()):
        raise ValueError
    return documents


class State:
    """What all services share: the folder, the clock, the signing secret and the audit log."""

    def __init__(self, folder: Path, *, clock: Callable[[], float]) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.clock = clock
        with reading(folder / "audit.key"):
            self.audit = AuditLog(folder / "audit.jsonl", clock)
        self._collections: dict[str, Collection] = {}
        secret = folder / "access-token.secret"
        if not secret.exists():
            write_atomically(secret, secrets.token_bytes(32))
        self.access_token_secret = secret.read_bytes()
        for path in (folder / "documents").glob("[!.]*.json"):
            self.collection(path.stem)  # now: one that is damaged is told before anybody is served

    def collection(self, name: str) -> Collection:
        """The one collection of that name, e.g. `iam.serviceAccounts`."""
        if name not in self._collections:
            self._collections[name] = Collection(self.folder / "documents" / f"{name}.json")
        return self._collections[name]
