"""A database for each test of the broker: everything in it holds on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from release.store.engine import open_engine
from release.store.migrating import migrate
from tests.release import postgresql
from tests.release.brokers import World, make_world

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    with postgresql.started() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the broker's tables, and nothing in them."""
    path = tmp_path_factory.mktemp("template") / "broker.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: postgresql.Server) -> str:
    """The name of a database with the broker's tables."""
    url = postgresql_server.new_database()
    _migrated(url)
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder that waits for no disk."""
    with tempfile.TemporaryDirectory(prefix="symbolon-db-", dir=postgresql.in_memory()) as folder:
        yield Path(folder)


@pytest.fixture
def new_url(backend: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables."""
    if backend == "sqlite":
        return f"sqlite:///{request.getfixturevalue('quick_path') / 'empty.db'}"
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    return server.new_database()


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database with the broker's tables, and nothing in them."""
    if backend == "sqlite":
        path = request.getfixturevalue("quick_path") / "broker.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    return server.new_database(request.getfixturevalue("postgresql_template"))


@pytest.fixture
def open_database() -> Iterator[Callable[[str], Engine]]:
    """URL → the engine, closed when the test ends."""
    engines: list[Engine] = []

    def open_it(url: str) -> Engine:
        engines.append(open_engine(url))
        return engines[-1]

    yield open_it
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(url: str, open_database: Callable[[str], Engine]) -> Engine:
    return open_database(url)


@pytest.fixture
def world(engine: Engine) -> World:
    """A broker with a policy, a model, and a licence of it."""
    return make_world(engine)


@pytest.fixture
def sqlite_world(quick_path: Path, sqlite_template: Path, open_database: Callable[[str], Engine]) -> World:
    """The same, on SQLite alone: where nothing depends on the database."""
    path = quick_path / "broker.db"
    shutil.copy(sqlite_template, path)
    return make_world(open_database(f"sqlite:///{path}"))


def _migrated(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
