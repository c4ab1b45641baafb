"""A log with a few entries, and a witness of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from release.log.appending import append
from release.store.engine import reading, writing
from release.store.migrating import migrate
from release.store.schema import checkpoints
from tests.release.log.witness_server import Witness, witnessing

Grow = Callable[..., None]


def stored_in(engine: Engine) -> dict[int, str]:
    with reading(engine) as connection:
        return {row.size: row.text for row in connection.execute(select(checkpoints))}


@pytest.fixture
def grow() -> Grow:
    """More entries for a database: so many, called so."""

    def append_some(engine: Engine, count: int, name: str = "entry") -> None:
        for number in range(count):
            with writing(engine) as connection:
                append(connection, f"{name} {number}".encode())

    return append_some


@pytest.fixture
def witness() -> Iterator[Witness]:
    with witnessing() as started:
        yield started


@pytest.fixture
def new_log(tmp_path: Path, grow: Grow, request: pytest.FixtureRequest) -> Callable[[int], Engine]:
    """A database with that many entries: the log as it was then."""
    open_database: Callable[[str], Engine] = request.getfixturevalue("open_database")

    def make(size: int) -> Engine:
        made = open_database(f"sqlite:///{tmp_path / f'{size}.db'}")
        migrate(made)
        grow(made, size)
        return made

    return make
