"""A copy of a broker is whole, of one moment, and has no checkpoint by which it could vouch for itself."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from attestation.errors import Misconfigured
from release.backup import back_up, put_back
from release.folder import Folder, FolderInUse, open_folder, open_keys
from release.renewing_tls import renew_tls
from release.restored import is_waiting
from release.rotating import rotate
from release.store.engine import open_engine, reading, writing
from release.store.migrating import migrate
from release.store.schema import meta
from tests.release.folders import PASSPHRASE, folder_in

FILES = {
    "broker.toml",
    "broker.sqlite3",
    "identity.key",
    "intake.key",
    "master.key",
    "platform-root.pem",
    "tls.key",
    "tls-next.key",
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = folder_in(tmp_path)
    engine = open_engine(made.database)
    migrate(engine)
    engine.dispose()
    made.kept.write_text("the last checkpoint")
    return made


def test_a_copy_that_is_put_back_is_the_broker_again(folder: Folder, tmp_path: Path) -> None:
    assert set(back_up(folder, tmp_path / "copy")) == FILES
    put_back(tmp_path / "copy", tmp_path / "again")
    again = open_folder(tmp_path / "again")
    keys, before = (open_keys(each, lambda: PASSPHRASE) for each in (again, folder))
    assert keys.identity.private_bytes_raw() == before.identity.private_bytes_raw()
    assert not again.kept.exists()
    assert {path.stat().st_mode & 0o777 for path in again.path.iterdir()} == {0o600}
    open_engine(again.database).dispose()


def test_a_copy_that_is_served_as_it_lies_is_one_that_waits(folder: Folder, tmp_path: Path) -> None:
    """Whoever copies it into place by hand has restored it all the same."""
    back_up(folder, tmp_path / "copy")
    for path, waits in ((tmp_path / "copy", True), (folder.path, False)):
        engine = open_engine(open_folder(path).database)
        with reading(engine) as connection:
            assert is_waiting(connection) is waits
        engine.dispose()


def test_no_key_is_replaced_while_a_copy_is_made(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the copy's `master.key` could be from after the change, and what it should open from before."""
    master = open_keys(folder, lambda: PASSPHRASE).master
    engine = open_engine(folder.database)
    refused: list[str] = []

    def replace_meanwhile(source: Path, target: Path) -> None:
        for change in (
            lambda: rotate(folder, engine, master, approved=None, has_copies=False),
            lambda: renew_tls(folder, master),
        ):
            with pytest.raises(FolderInUse) as no:
                change()
            refused.append(no.value.message)
        shutil.copyfile(source, target)

    monkeypatch.setattr("release.backup._copy_database", replace_meanwhile)
    back_up(folder, tmp_path / "copy")
    engine.dispose()
    assert refused == ["another command replaces or copies the keys of this folder"] * 2


def test_a_copy_that_is_made_while_somebody_writes_is_of_one_moment(folder: Folder, tmp_path: Path) -> None:
    engine, stop, begun = open_engine(folder.database), Event(), Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with writing(engine) as connection:  # two rows, always both or neither
                for half in "ab":
                    connection.execute(meta.insert().values(name=f"{half}{number}", value="x" * 2000))
            begun.set()

    writer = Thread(target=write)
    writer.start()
    try:
        assert begun.wait(60)
        for number in range(3):
            back_up(folder, tmp_path / str(number))
    finally:
        stop.set()
        writer.join()
        engine.dispose()
    for number in range(3):
        with closing(sqlite3.connect(tmp_path / str(number) / "broker.sqlite3")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            names = {name for (name,) in copy.execute("SELECT name FROM meta")}
        halves = [{name[1:] for name in names if name[0] == half} for half in "ab"]
        assert halves[0] == halves[1] != set()


def test_nothing_is_overwritten_and_nothing_is_left_half_done(folder: Folder, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "copy")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(Misconfigured, match="is there already"):
        back_up(folder, tmp_path / "copy")
    (folder.path / "intake.key").unlink()
    with pytest.raises(Misconfigured, match="cannot copy to"):
        back_up(folder, tmp_path / "another")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_broker_on_postgresql_is_copied_without_its_database(tmp_path: Path) -> None:
    folder = folder_in(tmp_path, database="postgresql://db.invalid/broker")
    assert set(back_up(folder, tmp_path / "copy")) == FILES - {"broker.sqlite3"}
