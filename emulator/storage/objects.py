"""Objects on disk: metadata in one SQLite file, bytes in one file an object, each change atomic.

A draft becomes an object by a rename and one row; a crash in between leaves a file that the
next start sweeps away. Names sort as in Cloud Storage: by their UTF-8 bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import google_crc32c

from ..state import Document, reading

_API = "https://www.googleapis.com/storage/v1"
_DOWNLOAD = "https://storage.googleapis.com/download/storage/v1"
_BLOCK = 1 << 20
_SCHEMA = """
create table if not exists objects (
    bucket text, name text, generation integer, metageneration integer, size integer,
    crc32c text, md5 text, components integer, created_at real, updated_at real,
    settable text, file text,
    primary key (bucket, name)
) without rowid
"""
_NONCURRENT = """
create table if not exists noncurrent (
    bucket text, name text, generation integer, metageneration integer, size integer,
    crc32c text, md5 text, components integer, created_at real, updated_at real,
    settable text, file text, deleted_at real,
    primary key (bucket, name, generation)
) without rowid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The bytes of an object to be: where they are, and what they sum up to."""

    path: Path
    size: int
    crc32c: str
    md5: str
    """Base64, both of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One generation of an object; `deleted_at` is when it was live no more, of one that a bucket keeps."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    size: int
    crc32c: str
    md5: str
    components: int
    """Of a composite object, else 0; a composite object shows no MD5."""
    created_at: float
    updated_at: float
    settable: Document
    """The fields that a client chooses, e.g. `contentType` and `metadata`."""
    file: str
    deleted_at: float | None = None

    @property
    def etag(self) -> str:
        return base64.b64encode(f"{self.generation}/{self.metageneration}".encode()).decode()

    def render(self) -> Document:
        """The `storage#object` resource."""
        place = f"/b/{self.bucket}/o/{quote(self.name, safe='')}"
        document: Document = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": _API + place,
            "mediaLink": f"{_DOWNLOAD}{place}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "storageClass": "STANDARD",  # of objects that are older than this field
            "size": str(self.size),
            "crc32c": self.crc32c,
            "etag": self.etag,
            "timeCreated": render_time(self.created_at),
            "timeFinalized": render_time(self.created_at),
            "timeStorageClassUpdated": render_time(self.created_at),
            "updated": render_time(self.updated_at),
            **self.settable,
        }
        if self.deleted_at is not None:
            document["timeDeleted"] = render_time(self.deleted_at)
        document |= {"componentCount": self.components} if self.components else {"md5Hash": self.md5}
        return document


class ObjectStore:
    """All objects of all buckets. To be used from one thread."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._contents = folder / "contents"
        self._drafts = folder / "drafts"
        for place in (self._contents, self._drafts):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = folder / "objects.db"
        self._database = sqlite3.connect(database, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        with reading(database):
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = normal")  # a power cut loses the last
            self._database.execute(_SCHEMA)
            self._database.execute(_NONCURRENT)
            self._sweep()

    def _sweep(self) -> None:
        files = "select file from objects union select file from noncurrent"
        known = {row["file"] for row in self._database.execute(files)}
        for path in (*self._contents.iterdir(), *self._drafts.iterdir()):
            if path.name not in known:
                path.unlink()

    def get(self, bucket: str, name: str, generation: int | None = None) -> StoredObject | None:
        """The live object; that very generation, live or kept, if one is asked for."""
        row = self._database.execute(
            "select * from objects where bucket = ? and name = ?", (bucket, name)
        ).fetchone()
        live = None if row is None else _object_of(row)
        if generation is None or (live is not None and live.generation == generation):
            return live
        row = self._database.execute(
            "select * from noncurrent where bucket = ? and name = ? and generation = ?",
            (bucket, name, generation),
        ).fetchone()
        return None if row is None else _object_of(row)

    def versions_from(self, bucket: str, start: str) -> Iterator[StoredObject]:
        """As `starting_at`, with the generations that are kept; those of one name from the oldest on."""
        rows = self._database.execute(
            "select *, null as deleted_at from objects where bucket = ? and name >= ? union all "
            "select * from noncurrent where bucket = ? and name >= ? order by name, generation",
            (bucket, start, bucket, start),
        )
        return map(_object_of, rows)

    def starting_at(self, bucket: str, start: str) -> Iterator[StoredObject]:
        """The bucket's objects in order, from the first whose name is `start` or later."""
        rows = self._database.execute(
            "select * from objects where bucket = ? and name >= ? order by name", (bucket, start)
        )
        return map(_object_of, rows)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A new empty file for bytes to come; it is gone afterwards unless `put` took it."""
        path = self._drafts / secrets.token_hex(16)
        path.touch(mode=0o600)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def put(
        self,
        bucket: str,
        name: str,
        content: Content,
        settable: Document,
        *,
        components: int = 0,
        keep: bool = False,
    ) -> StoredObject:
        """`content` is the object now, in place of what it was, as a new generation; or `keep` that too."""
        before = self.get(bucket, name)
        now = self._clock()
        stored = StoredObject(
            bucket=bucket,
            name=name,
            generation=max(int(now * 1e6), self._newest(bucket, name) + 1),
            metageneration=1,
            size=content.size,
            crc32c=content.crc32c,
            md5=content.md5,
            components=components,
            created_at=now,
            updated_at=now,
            settable=settable,
            file=secrets.token_hex(16),
        )
        content.path.rename(self.path_of(stored))
        with self._at_once():
            if before is not None and keep:
                self._write(replace(before, deleted_at=now))
            self._write(stored)
        if before is not None and not keep:
            self.path_of(before).unlink(missing_ok=True)
        return stored

    def _newest(self, bucket: str, name: str) -> int:
        """The highest generation that the object has or had, as far as any is kept."""
        query = (
            "select max(generation) from (select generation from objects where bucket = ? and name = ? "
            "union all select generation from noncurrent where bucket = ? and name = ?)"
        )
        (newest,) = self._database.execute(query, (bucket, name, bucket, name)).fetchone()
        return int(newest or 0)

    def update(self, stored: StoredObject, settable: Document) -> StoredObject:
        """The object's own fields are these; its bytes and generation are what they were."""
        updated = replace(
            stored,
            settable=settable,
            metageneration=stored.metageneration + 1,
            updated_at=self._clock(),
        )
        self._write(updated)
        return updated

    def delete(self, stored: StoredObject, *, keep: bool = False) -> None:
        """The generation is gone, or is live no more and kept; a download that has begun still ends well."""
        table = "objects" if stored.deleted_at is None else "noncurrent"
        with self._at_once():
            if keep:
                self._write(replace(stored, deleted_at=self._clock()))
            self._database.execute(
                f"delete from {table} where bucket = ? and name = ? and generation = ?",  # noqa: S608
                (stored.bucket, stored.name, stored.generation),
            )
        if not keep:
            self.path_of(stored).unlink(missing_ok=True)

    def path_of(self, stored: StoredObject) -> Path:
        return self._contents / stored.file

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Both rows are written, or neither is."""
        with self._database:  # commits at the end, or rolls back
            self._database.execute("begin")
            yield

    def _write(self, stored: StoredObject) -> None:
        columns = {field: getattr(stored, field) for field in StoredObject.__dataclass_fields__}
        columns["settable"] = json.dumps(stored.settable)
        table = "noncurrent"
        if stored.deleted_at is None:
            table = "objects"
            del columns["deleted_at"]
        self._database.execute(
            f"insert or replace into {table} ({', '.join(columns)}) "  # noqa: S608  our own names
            f"values ({', '.join('?' * len(columns))})",
            tuple(columns.values()),
        )


def measure(path: Path) -> Content:
    """What the file's bytes sum up to; a 1 GiB file takes about two seconds, so not in the event loop."""
    size, crc32c, md5 = 0, 0, hashlib.md5(usedforsecurity=False)
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            size += len(block)
            md5.update(block)
            crc32c = google_crc32c.extend(crc32c, block)
    return Content(
        path=path,
        size=size,
        crc32c=base64.b64encode(crc32c.to_bytes(4, "big")).decode(),
        md5=base64.b64encode(md5.digest()).decode(),
    )


def render_time(seconds: float) -> str:
    """RFC 3339 with milliseconds, as Cloud Storage writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _object_of(row: sqlite3.Row) -> StoredObject:
    columns: dict[str, Any] = dict(row)
    return StoredObject(**{**columns, "settable": json.loads(columns["settable"])})
