"""Entries follow one another without a gap, whoever appends, and whatever is undone."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, delete, select, update

from contract.merkle import root_of
from contract.release_refusals import BrokerRefused
from release.log.appending import MOST_LEAF_BYTES, append
from release.log.proving import root_at, size_of
from release.store.engine import reading, writing
from release.store.schema import log_entries, log_head, log_nodes


def leaves_in(engine: Engine) -> list[bytes]:
    with reading(engine) as connection:
        rows = connection.execute(select(log_entries).order_by(log_entries.c.position)).all()
    assert [row.position for row in rows] == list(range(len(rows)))
    return [bytes(row.leaf) for row in rows]


def test_the_tree_is_that_of_the_entries_in_their_order(engine: Engine) -> None:
    leaves = [f"entry {number}".encode() for number in range(21)]
    for number, leaf in enumerate(leaves):
        with writing(engine) as connection:
            assert append(connection, leaf) == number
            assert size_of(connection) == number + 1
            assert root_at(connection, number + 1) == root_of(leaves[: number + 1])
    assert leaves_in(engine) == leaves


def test_what_is_undone_leaves_no_gap(engine: Engine) -> None:
    with writing(engine) as connection:
        append(connection, b"first")
    with pytest.raises(RuntimeError), writing(engine) as connection:
        append(connection, b"undone")
        raise RuntimeError
    with writing(engine) as connection:
        assert append(connection, b"second") == 1
        assert root_at(connection, 2) == root_of([b"first", b"second"])
    assert leaves_in(engine) == [b"first", b"second"]


def test_eight_who_append_at_once_take_turns(engine: Engine) -> None:
    taken: list[int] = []

    def append_some(name: int) -> None:
        for number in range(12):
            with writing(engine) as connection:
                taken.append(append(connection, f"{name}:{number}".encode()))

    threads = [threading.Thread(target=append_some, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leaves = leaves_in(engine)
    assert sorted(taken) == list(range(96)) and len(leaves) == 96
    with reading(engine) as connection:
        assert root_at(connection, 96) == root_of(leaves)


@pytest.mark.parametrize("size", [0, MOST_LEAF_BYTES + 1], ids=["empty", "too long"])
def test_an_entry_that_no_tile_can_hold_is_the_caller_s_mistake(engine: Engine, size: int) -> None:
    with writing(engine) as connection:
        with pytest.raises(ValueError, match="65535"):
            append(connection, b"x" * size)
        assert size_of(connection) == 0


def test_a_log_that_lacks_a_node_takes_nothing(engine: Engine) -> None:
    with writing(engine) as connection:
        append(connection, b"first")
        connection.execute(delete(log_nodes))
    with pytest.raises(BrokerRefused, match="not whole"), writing(engine) as connection:
        append(connection, b"second")
    assert leaves_in(engine) == [b"first"]


def test_a_database_without_a_head_has_no_log(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(delete(log_head))
    for ask in (size_of, lambda connection: append(connection, b"first")):
        with pytest.raises(BrokerRefused, match="not whole"), writing(engine) as connection:
            ask(connection)


def test_a_head_that_was_set_back_does_not_write_over_an_entry(engine: Engine) -> None:
    with writing(engine) as connection:
        append(connection, b"first")
        connection.execute(update(log_head).values(size=0))
    with pytest.raises(Exception, match=r"(?i)unique"), writing(engine) as connection:
        append(connection, b"another")
    assert leaves_in(engine) == [b"first"]
