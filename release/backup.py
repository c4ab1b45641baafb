"""A broker's folder, copied as it is at one moment: its settings, its wrapped keys, and SQLite's database.

The last checkpoint is not in it. By it a database that was put back is noticed, and so it is kept apart. The
copy of SQLite's database has the mark of a restored one, so that it waits however it is put into place.

Source: sqlite.org, "SQLite Backup API".
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from attestation.errors import Misconfigured, quoted

from .folder import Folder, keys_held
from .restored import mark_copied
from .settings import NAME, SQLITE
from .store.engine import open_engine, parse_url

_TIMEOUT_S = 30


def is_sqlite(folder: Folder) -> bool:
    """Whether the broker counts in a file, which a backup has."""
    return parse_url(folder.database).get_backend_name() == "sqlite"


def back_up(folder: Folder, target: Path) -> tuple[str, ...]:
    """`target` has the folder's files, and the database of one moment; their names. A broker may serve.

    Raises:
        FolderInUse: the keys are being replaced.
        Misconfigured: it is there already, or something cannot be read or written.
        BrokerRefused: `database-unavailable`: the copy cannot be opened.
    """
    with keys_held(folder), _made_whole(target) as draft:
        for name in _files(folder):
            shutil.copyfile(folder.path / name, draft / name)
        if is_sqlite(folder):
            _copy_database(Path(str(parse_url(folder.database).database)), draft / SQLITE)
            _mark(draft / SQLITE)
        for each in draft.iterdir():
            _finish(each)
        return tuple(sorted(each.name for each in draft.iterdir()))


def put_back(backup: Path, target: Path) -> None:
    """`target`, which was not there, has what the backup has.

    Raises:
        Misconfigured: it is there already, or something cannot be read or written.
    """
    with _made_whole(target) as draft:
        for each in backup.iterdir():
            if each.is_file():
                shutil.copyfile(each, draft / each.name)
                _finish(draft / each.name)


def _files(folder: Folder) -> tuple[str, ...]:
    settings = folder.settings
    master = (settings.master.file,) if settings.master.file is not None else ()
    named = (
        NAME,
        settings.keys.identity,
        settings.keys.intake,
        settings.tls.file,
        settings.tls.next_file,
        settings.platform.root,
    )
    return (*named, *master)


def _copy_database(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT_S)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def _mark(copy: Path) -> None:
    engine = open_engine(f"sqlite:///{copy.resolve()}")
    try:
        mark_copied(engine)
    finally:
        engine.dispose()


def _finish(path: Path) -> None:
    path.chmod(0o600)
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """A folder beside `target` that becomes it when the block has ended, and is gone when it raises."""
    draft = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        if target.exists():
            raise Misconfigured(f"{quoted(str(target))} is there already", hint="name a folder that is not")
        draft.mkdir(mode=0o700, parents=True)
        yield draft
        draft.rename(target)
    except (OSError, sqlite3.Error) as error:
        reason = (getattr(error, "strerror", None) or "the database cannot be copied").lower()
        raise Misconfigured(
            f"cannot copy to {quoted(str(target))}: {reason}",
            hint="look at both folders, and at the room on the disk",
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
