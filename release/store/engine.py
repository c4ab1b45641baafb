"""A database opened so that what it has committed stays, and so that one order of events holds for all.

    with opened(url) as engine:          # durable, migrated, and for SQLite ours alone
        with writing(engine) as connection:
            …

- **Durable**: SQLite with a write-ahead log and `synchronous=FULL`, PostgreSQL with `synchronous_commit` and
  `fsync` on. Each connection is asked what it has, and refused where it is less.
- **Writers** of SQLite begin with `BEGIN IMMEDIATE`, one after the other by a lock of this process; those of
  PostgreSQL lock the rows that they change (`schema` has the order).
- **One broker a SQLite file**: an advisory lock on a file beside it, for as long as it is open.
- What the database does not do for want of a connection, a lock or a disk is `database-unavailable`,
  whatever the driver calls it: `writing` and `reading` are the one place. What was begun is undone, but for
  a commit whose answer was lost, of which nobody knows; so whoever asks again has to find what was done.

Source: sqlite.org, "Write-Ahead Logging" and `PRAGMA synchronous`; PostgreSQL 15, 20.5 "Write Ahead Log".
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InvalidatePoolError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.pool import ConnectionPoolEntry

from attestation.errors import Misconfigured, quoted
from contract.release_refusals import REFUSALS

from .migrations import HEAD

BUSY_S: Final = 10
"""A writer of SQLite waits so long for a process that writes besides."""

RESTED_S: Final = 1.0
"""A connection that nobody has used for so long is asked whether the database is still there: a question less
for all others. Where the database was started again within it, a call is answered `database-unavailable`."""

_WRITES = "symbolon_writes"
_READS = "symbolon_reads"
_TURN = "symbolon_turn"
_RESTS_SINCE = "symbolon_rests_since"
_LOCK_SUFFIX = ".broker"
_CONNECTIONS: Final = 16
_WITHOUT_TABLES: Final = (
    "a broker that has served is restored from its backup; one that was just made gets its tables by"
    " `symbolon broker migrate`"
)


class DatabaseUrlUnknown(Misconfigured):
    """The database is named in a way that this program does not know."""

    code = "database-url-unknown"


class DatabaseNotDurable(Misconfigured):
    """The database may forget what it has committed."""

    code = "database-not-durable"


class DatabaseInUse(Misconfigured):
    """Another broker has opened this SQLite file."""

    code = "database-in-use"


class MigrationMissing(Misconfigured):
    """The tables are those of another version of this program."""

    code = "migration-missing"


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """The database of a broker: durable, with this version's tables, and for SQLite nobody else's.

    Raises:
        DatabaseUrlUnknown, DatabaseNotDurable, DatabaseInUse, MigrationMissing: see there.
        BrokerRefused: `database-unavailable`.
    """
    with held_alone(url):
        engine = open_made(url)
        try:
            check_migrated(engine)
            yield engine
        finally:
            engine.dispose()


def open_made(url: str) -> Engine:
    """As `open_engine`, of a database that is there: to look for a file of SQLite's does not make it.

    Raises:
        MigrationMissing: the file is not there.
        DatabaseUrlUnknown, DatabaseNotDurable, BrokerRefused: as `open_engine`.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        raise MigrationMissing("the database's file is not there", hint=_WITHOUT_TABLES)
    return open_engine(url)


def open_engine(url: str) -> Engine:
    """The database, whose connections are durable; one was opened to see it.

    Raises:
        DatabaseUrlUnknown, DatabaseNotDurable: see there.
        BrokerRefused: `database-unavailable`.
    """
    parsed = parse_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    how: dict[str, Any] = (
        {"connect_args": {"isolation_level": None, "timeout": BUSY_S, "check_same_thread": False}}
        if is_sqlite
        else {"isolation_level": "READ COMMITTED"}
    )
    # In READ COMMITTED each statement sees what is committed by then, within a transaction and without.
    reads: dict[str, Any] = {_WRITES: False} if is_sqlite else {"isolation_level": "AUTOCOMMIT"}
    engine = create_engine(
        parsed,
        pool_size=_CONNECTIONS,
        pool_use_lifo=True,  # few of them work, and their servers have at hand what they asked last
        max_overflow=_CONNECTIONS,
        pool_timeout=BUSY_S,
        hide_parameters=True,  # an error's text has no answer and no envelope in it
        execution_options={_TURN: threading.Lock() if is_sqlite else None, _READS: reads},
        **how,
    )
    event.listen(engine, "connect", _set_up_sqlite if is_sqlite else _check_postgresql)
    if is_sqlite:
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "checkin", _rest)
        event.listen(engine, "checkout", partial(_wake, engine))
    with reading(engine):
        pass
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed when the block has ended, undone when it raises.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    turn = engine.get_execution_options()[_TURN]
    if turn is None:
        with _transaction(engine) as connection:
            yield connection
        return
    with turn, _transaction(engine) as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for what only reads. With SQLite all of it sees one moment.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    with _transaction(engine, engine.get_execution_options()[_READS]) as connection:
        yield connection


def is_database_at_fault(error: DBAPIError) -> bool:
    """Whether the database did not do what it should; else the statement was wrong, which is a bug."""
    return not isinstance(error, DataError | IntegrityError | NotSupportedError | ProgrammingError)


@contextmanager
def _transaction(engine: Engine, options: Mapping[str, Any] = MappingProxyType({})) -> Iterator[Connection]:
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        if not is_database_at_fault(error):
            raise
        raise REFUSALS["database-unavailable"].error() from None
    except NoConnectionFree:
        raise REFUSALS["database-unavailable"].error() from None


def parse_url(url: str) -> URL:
    """`sqlite:///FILE` or `postgresql://…`, with the driver that this program uses.

    Raises:
        DatabaseUrlUnknown: it is anything else.
    """
    hint = "write `sqlite:////absolute/file.db` or `postgresql://user@host/name`"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # what is no URL may be a password: it is not shown
        raise DatabaseUrlUnknown("the database's URL cannot be read", hint=hint) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:") and not parsed.query:
        return parsed.set(drivername="sqlite")
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise DatabaseUrlUnknown(f"a database of {quoted(backend)} is none that the broker knows", hint=hint)


@contextmanager
def held_alone(url: str) -> Iterator[None]:
    """Nobody else holds this SQLite file meanwhile; of a PostgreSQL database there may be several brokers.

    The lock is the file `….broker` beside it, which stays: to delete it would be to have two.

    Raises:
        DatabaseInUse: another process does.
        DatabaseUrlUnknown: see there.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        yield
        return
    try:
        database = os.path.realpath(parsed.database or "")  # by whatever link it is named, it is one file
        lock = os.open(f"{database}{_LOCK_SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise REFUSALS["database-unavailable"].error(
            f"the database's folder cannot be written: {error.strerror}", "look at the folder and its disk"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DatabaseInUse(
                "another broker has opened this database",
                hint="stop it first: one a SQLite file; for two and more, PostgreSQL by"
                " `symbolon broker init --database URL`",
            ) from None
        yield
    finally:
        os.close(lock)


def check_migrated(engine: Engine) -> None:
    """The tables are those of this version.

    Raises:
        MigrationMissing: they are not.
        BrokerRefused: `database-unavailable`.
    """
    with reading(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found == HEAD:
        return
    if found is None:
        raise MigrationMissing(
            "the database has none of the broker's tables",
            hint=_WITHOUT_TABLES,
        )
    check_not_newer(found)
    raise MigrationMissing(
        f"the database's tables are those of an older version: {quoted(found)} before `{HEAD}`",
        hint="stop the broker, take a backup, and run `symbolon broker migrate`",
    )


def check_not_newer(found: str | None) -> None:
    """The revision that was found is none of a later version of this program.

    Raises:
        MigrationMissing: it is.
    """
    if found is not None and found > HEAD:
        raise MigrationMissing(
            f"the database is of a newer version of this program: {quoted(found)} after `{HEAD}`",
            hint="use that version again; its tables are not brought back to this one's",
        )


def _set_up_sqlite(connection: Any, record: object) -> None:
    """Each new connection to SQLite; what it cannot have is refused."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_S * 1000}")
    cursor.execute("PRAGMA journal_mode=WAL")
    journal = cursor.fetchone()[0]
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    found = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "foreign_keys")]
    cursor.close()
    if journal != "wal" or found != [2, 1]:
        raise DatabaseNotDurable(
            f"SQLite does not keep what it commits: `journal_mode` is {quoted(str(journal))},"
            f" `synchronous` is {quoted(str(found[0]))}",
            hint="put the file on a local disk: a network's has no write-ahead log",
        )


def _check_postgresql(connection: Any, record: object) -> None:
    """Each new connection to PostgreSQL: a role or a database can be set to less than its server."""
    with connection.cursor() as cursor:
        for name, accepted in (("synchronous_commit", ("on", "remote_apply")), ("fsync", ("on",))):
            cursor.execute(f"SHOW {name}")
            found = cursor.fetchone()[0]
            if found not in accepted:
                raise DatabaseNotDurable(
                    f"PostgreSQL does not keep what it commits: `{name}` is {quoted(found)}",
                    hint=f"set `{name} = on` for the server, the database and the broker's role",
                )
    connection.rollback()


def _rest(connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_RESTS_SINCE] = time.monotonic()


def _wake(engine: Engine, connection: Any, record: ConnectionPoolEntry, fairy: object) -> None:
    """A connection that has rested is still one; else the pool opens another, and closes those that rest."""
    since = record.info.get(_RESTS_SINCE)
    if since is None or time.monotonic() < since + RESTED_S:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
