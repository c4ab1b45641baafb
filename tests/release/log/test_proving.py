"""Every root and proof of every size that the log has had is made from its nodes, in one query."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete, event

from contract.merkle import root_of, verify_inclusion
from contract.merkle_consistency import verify_consistency
from contract.release_refusals import BrokerRefused
from release.log.appending import append
from release.log.proving import prove_consistency, prove_inclusion, root_at
from release.store.engine import reading, writing
from release.store.schema import log_nodes

SIZE = 27
LEAVES = [f"entry {number}".encode() for number in range(SIZE)]


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with writing(engine) as connection:
        for leaf in LEAVES:
            append(connection, leaf)
    return engine


@pytest.fixture
def statements(filled: Engine) -> Iterator[list[str]]:
    """What the database is asked."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(filled, "before_cursor_execute", note)
    yield asked
    event.remove(filled, "before_cursor_execute", note)


def test_every_size_has_its_root_and_proves_its_entries_and_its_beginnings(filled: Engine) -> None:
    with reading(filled) as connection:
        for size in range(SIZE + 1):
            root = root_of(LEAVES[:size])
            assert root_at(connection, size) == root
            for index in range(size):
                proof = prove_inclusion(connection, index, size)
                verify_inclusion(LEAVES[index], index=index, size=size, proof=proof, root=root)
            for old in range(1, size + 1):
                old_root = root_of(LEAVES[:old])
                grown = prove_consistency(connection, old, size)
                verify_consistency(old=old, old_root=old_root, size=size, root=root, proof=grown)
            assert prove_consistency(connection, 0, size) == ()


def test_each_is_one_query(filled: Engine, statements: list[str]) -> None:
    with reading(filled) as connection:
        statements.clear()
        root_at(connection, SIZE)
        prove_inclusion(connection, 13, SIZE)
        prove_consistency(connection, 13, SIZE)
    assert len(statements) == 3


def test_what_the_log_does_not_have_is_not_proved(filled: Engine) -> None:
    with reading(filled) as connection:
        with pytest.raises(BrokerRefused, match="not whole"):
            root_at(connection, SIZE + 1)
        with pytest.raises(BrokerRefused, match="not whole"):
            prove_inclusion(connection, 0, SIZE + 1)
        with pytest.raises(BrokerRefused, match="not whole"):
            prove_consistency(connection, 2, SIZE + 1)
        with pytest.raises(IndexError):
            prove_inclusion(connection, SIZE, SIZE)
        with pytest.raises(IndexError):
            prove_consistency(connection, SIZE + 1, SIZE)


def test_a_node_that_is_gone_is_noticed(filled: Engine) -> None:
    with writing(filled) as connection:
        connection.execute(delete(log_nodes).where(log_nodes.c.level == 4))
        with pytest.raises(BrokerRefused, match="not whole"):
            prove_inclusion(connection, 17, SIZE)
