"""A database is durable, of this version, and one broker's where it is a file: or it is refused."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from contract.release_refusals import BrokerRefused
from release.store import engine as engine_module
from release.store import engine as engines
from release.store import schema
from release.store.engine import (
    DatabaseInUse,
    DatabaseNotDurable,
    DatabaseUrlUnknown,
    MigrationMissing,
    check_migrated,
    held_alone,
    open_engine,
    open_made,
    opened,
    parse_url,
    reading,
    writing,
)
from tests.release import postgresql

ROOT = Path(__file__).parents[3]
UNKNOWN = [
    pytest.param("mysql://owner@host/db", id="of another kind"),
    pytest.param("sqlite://", id="in memory"),
    pytest.param("sqlite:///:memory:", id="in memory, by its name"),
    pytest.param("sqlite:////tmp/x.db?mode=memory", id="with options that could be anything"),
    pytest.param("/tmp/x.db", id="that is a path"),
    pytest.param("", id="that is empty"),
]


@pytest.mark.parametrize("url", UNKNOWN)
def test_a_url_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlUnknown):
        parse_url(url)


def test_a_url_that_cannot_be_read_shows_no_password() -> None:
    with pytest.raises(DatabaseUrlUnknown) as refused:
        parse_url("postgresql//owner:secret@host")
    assert "secret" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("url", ["postgresql://o@h/d", "postgresql+psycopg://o@h/d"])
def test_postgresql_is_spoken_to_by_one_driver(url: str) -> None:
    assert parse_url(url).drivername == "postgresql+psycopg"


def test_what_a_block_wrote_is_there_for_the_next(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(schema.meta).values(name="a", value="1"))
    with reading(engine) as connection:
        assert connection.execute(select(schema.meta.c.value)).scalars().all() == ["1"]


def test_what_a_block_wrote_that_raises_is_undone(engine: Engine) -> None:
    with pytest.raises(KeyboardInterrupt), writing(engine) as connection:
        connection.execute(insert(schema.meta).values(name="a", value="1"))
        raise KeyboardInterrupt
    with reading(engine) as connection:
        assert connection.execute(select(schema.meta)).all() == []


def test_tables_that_were_made_in_a_block_that_raises_are_undone(engine: Engine) -> None:
    with pytest.raises(KeyboardInterrupt), writing(engine) as connection:
        connection.execute(text("CREATE TABLE besides (a INTEGER)"))
        raise KeyboardInterrupt
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE besides (a INTEGER)"))


def test_a_row_that_names_one_that_is_not_there_is_a_bug_and_no_refusal(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(
            insert(schema.releases).values(
                request="r", challenge="c", lease="none", purpose="release", released_at=0, answer=b"",
                entry_index=0,
            )
        )  # fmt: skip


def test_writers_come_one_after_the_other(engine: Engine) -> None:
    """Each reads what the one before it wrote: no number is given twice."""
    meta = schema.meta
    with writing(engine) as connection:
        connection.execute(insert(meta).values(name="n", value="0"))

    def count() -> None:
        for _ in range(10):
            with writing(engine) as connection:
                row = select(meta.c.value).where(meta.c.name == "n").with_for_update()
                number = int(connection.execute(row).scalar_one())
                connection.execute(meta.update().values(value=str(number + 1)))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with reading(engine) as connection:
        assert connection.execute(select(meta.c.value)).scalar_one() == "80"


def test_the_lock_that_readers_share_keeps_a_writer_waiting(engine: Engine) -> None:
    """Whoever reads the policy under lock has it until they end; SQLite has one writer anyway."""
    done = threading.Event()

    def write() -> None:
        with writing(engine) as connection:
            connection.execute(schema.meta.update().values(value="2"))
        done.set()

    with writing(engine) as connection:
        connection.execute(insert(schema.meta).values(name="a", value="1"))
    with writing(engine) as connection:
        connection.execute(select(schema.meta).with_for_update(read=True)).all()
        thread = threading.Thread(target=write)
        thread.start()
        assert not done.wait(0.2)
    thread.join()
    assert done.is_set()


def test_a_statement_of_an_error_s_text_shows_no_value(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(schema.meta).values(name="a", value="the-canary"))
    with pytest.raises(IntegrityError) as raised, writing(engine) as connection:
        connection.execute(insert(schema.meta).values(name="a", value="the-canary"))
    assert "the-canary" not in str(raised.value)


def test_sqlite_that_is_locked_by_somebody_else_is_unavailable(
    open_database: Callable[[str], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_S", 0)
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BrokerRefused) as refused, writing(engine):
        pass
    assert refused.value.code == "database-unavailable"
    other.close()
    with writing(engine):
        pass


def test_a_pool_without_a_free_connection_is_unavailable(
    open_database: Callable[[str], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_CONNECTIONS", 1)
    monkeypatch.setattr(engines, "BUSY_S", 0.01)
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    with reading(engine), reading(engine), pytest.raises(BrokerRefused) as refused, reading(engine):
        pass
    assert refused.value.code == "database-unavailable"


def test_a_postgresql_that_is_down_is_unavailable_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with postgresql.started() as server:
        url = server.new_database()
        engine = open_engine(url)
        with pytest.raises(BrokerRefused) as refused, writing(engine) as connection:
            server.stop()
            connection.execute(text("SELECT 1"))
        assert refused.value.code == "database-unavailable"
        with pytest.raises(BrokerRefused), reading(engine):
            pass
        server.start()
        with writing(engine) as connection:
            connection.execute(text("SELECT 1"))
        monkeypatch.setattr(engine_module, "RESTED_S", 3600.0)
        server.stop()
        server.start()
        with pytest.raises(BrokerRefused) as refused, writing(engine) as connection:  # used a moment ago
            connection.execute(text("SELECT 1"))
        assert refused.value.code == "database-unavailable"
        with writing(engine) as connection:
            connection.execute(text("SELECT 1"))
        monkeypatch.setattr(engine_module, "RESTED_S", 0.0)
        server.stop()
        server.start()
        with writing(engine) as connection:  # nobody noticed meanwhile
            connection.execute(text("SELECT 1"))
        engine.dispose()


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for url in (f"postgresql://o@/d?host={tmp_path}", f"sqlite:///{tmp_path / 'no' / 'a.db'}"):
        with pytest.raises(BrokerRefused) as refused:
            open_engine(url)
        assert refused.value.code == "database-unavailable"
        assert str(tmp_path) not in refused.value.message


LESS = [
    pytest.param("synchronous_commit", "off", id="that answers before it has written"),
    pytest.param("synchronous_commit", "local", id="that its standby may not have"),
]


@pytest.mark.parametrize(("name", "value"), LESS)
@pytest.mark.parametrize("whose", ["DATABASE", "ROLE"])
def test_a_postgresql_is_refused(
    postgresql_server: postgresql.Server, name: str, value: str, whose: str
) -> None:
    url = postgresql_server.new_database()
    named = url.partition("@/")[2].partition("?")[0] if whose == "DATABASE" else postgresql.ROLE
    postgresql_server.execute(f'ALTER {whose} "{named}" SET {name} = {value}')
    try:
        with pytest.raises(DatabaseNotDurable, match=name):
            open_engine(url)
    finally:
        postgresql_server.execute(f'ALTER {whose} "{named}" RESET {name}')
    open_engine(url).dispose()


def test_a_postgresql_that_does_not_sync_is_refused() -> None:
    with postgresql.started("-c fsync=off") as server, pytest.raises(DatabaseNotDurable, match="fsync"):
        open_engine(server.new_database())


def test_each_new_connection_is_asked(
    postgresql_server: postgresql.Server, open_database: Callable[[str], Engine]
) -> None:
    """What is turned off while the broker runs is found by the next connection that is made."""
    url = postgresql_server.new_database()
    engine = open_database(url)
    with reading(engine):
        name = url.partition("@/")[2].partition("?")[0]
        postgresql_server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        with pytest.raises(DatabaseNotDurable), writing(engine):
            pass


def test_sqlite_keeps_what_it_commits(open_database: Callable[[str], Engine], tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    with reading(engine) as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        said = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in asked]
    assert said == ["wal", 2, 1, 10_000]


class Weak:
    """A cursor of an SQLite that has no write-ahead log, or does not sync."""

    def __init__(self, **answers: object) -> None:
        self.answers = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1} | answers
        self.asked = ""

    def cursor(self) -> Weak:
        return self

    def execute(self, statement: str) -> Weak:
        self.asked = statement.removeprefix("PRAGMA ").partition("=")[0]
        return self

    def fetchone(self) -> tuple[object]:
        return (self.answers[self.asked],)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "answers", [{"journal_mode": "delete"}, {"synchronous": 1}, {"foreign_keys": 0}], ids=str
)
def test_an_sqlite_is_refused(answers: dict[str, object]) -> None:
    with pytest.raises(DatabaseNotDurable):
        engines._set_up_sqlite(Weak(**answers), None)


def test_an_sqlite_that_has_all_is_taken() -> None:
    engines._set_up_sqlite(Weak(), None)


HOLDER = """
import sys
from release.store.engine import held_alone
with held_alone(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_broker_on_one_sqlite_file_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    """Killed as well: the lock is the kernel's."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert first.stdout is not None and first.stdout.readline() == "held\n"
    with pytest.raises(DatabaseInUse), held_alone(url):
        pass
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.communicate()
    with held_alone(url):
        pass


def test_one_process_does_not_open_a_file_twice(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with held_alone(url), pytest.raises(DatabaseInUse), held_alone(url):
        pass


def test_a_link_to_a_file_that_is_open_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "b.db").symlink_to(tmp_path / "a.db")
    with held_alone(f"sqlite:///{tmp_path / 'a.db'}"):
        url = f"sqlite:///{tmp_path / 'beside' / 'b.db'}"
        with pytest.raises(DatabaseInUse), held_alone(url):
            pass


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(BrokerRefused), held_alone(f"sqlite:///{tmp_path / 'no' / 'a.db'}"):
        pass


def test_two_brokers_share_one_postgresql() -> None:
    with held_alone("postgresql://o@h/d"), held_alone("postgresql://o@h/d"):
        pass


def test_a_database_of_this_version_is_opened(url: str) -> None:
    with opened(url) as engine, reading(engine) as connection:
        assert connection.execute(select(schema.log_head.c.size)).scalars().all() == [0]


def test_a_database_without_tables_is_refused(new_url: str) -> None:
    open_engine(new_url).dispose()
    with pytest.raises(MigrationMissing, match="none of the broker's tables"), opened(new_url):
        pass


def test_to_look_for_a_file_does_not_make_it(tmp_path: Path) -> None:
    with pytest.raises(MigrationMissing, match="is not there"):
        open_made(f"sqlite:///{tmp_path / 'a.db'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("revision", "word", "hint"),
    [("0000", "older", "symbolon broker migrate"), ("9999", "newer", "not brought")],
)
def test_a_database_of_another_version_is_refused(
    engine: Engine, revision: str, word: str, hint: str
) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    with pytest.raises(MigrationMissing, match=word) as refused:
        check_migrated(engine)
    assert hint in refused.value.hint


def test_a_database_at_fault_is_told_from_a_bug() -> None:
    at_fault = OperationalError("", {}, Exception())
    assert engines.is_database_at_fault(at_fault)
    assert not engines.is_database_at_fault(IntegrityError("", {}, Exception()))
