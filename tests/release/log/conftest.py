"""A log with a few entries, and a witness of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from release.log.appending import append
from release.store.engine import writing
from tests.release.log.witness_server import Witness, witnessing

Grow = Callable[..., None]


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
