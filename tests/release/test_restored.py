"""A database that was put back releases nothing before a kept checkpoint, or its owner, says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from contract.checkpoint import Checkpoint, unsafe_read_checkpoint
from contract.orders import Epoch, render_epoch
from contract.release_refusals import BrokerRefused
from release.log.publishing import Publisher
from release.orders.standing import EPOCH, replace_standing
from release.restored import WholeLog, is_waiting, mark_restored, take_mark_away, why_not_whole
from release.store.engine import reading, writing
from tests.release.brokers import IDENTITY, NOW, World, make_world


@pytest.fixture
def world(engine: Engine) -> World:
    """A broker whose log is the real one, watched for a restore."""
    made = make_world(engine)
    return World(broker=replace(made.broker, log=WholeLog(Publisher(engine, IDENTITY), engine)))


def kept(world: World) -> Checkpoint:
    """The checkpoint that came with a release."""
    return unsafe_read_checkpoint(world.release(NOW).logged.checkpoint)


def reopened(world: World) -> World:
    engine = world.broker.engine
    return World(broker=replace(world.broker, log=WholeLog(Publisher(engine, IDENTITY), engine)))


def test_a_broker_that_was_never_restored_releases(world: World) -> None:
    assert kept(world).size > 0
    with reading(world.broker.engine) as connection:
        assert not is_waiting(connection)


def test_a_restored_one_releases_nothing(world: World) -> None:
    mark_restored(world.broker.engine)
    asking = world.ask(NOW)
    with pytest.raises(BrokerRefused, match="was restored, and may have forgotten releases") as refused:
        world.answer(asking, NOW)
    assert refused.value.code == "broker-not-ready"
    assert world.counts() == {"runs": 0, "pictures": 0, "releases": 0, "renewals": 0, "entries": 0}


def test_one_that_goes_as_far_as_the_kept_checkpoint_is_whole(world: World) -> None:
    kept(world)
    held = kept(world)
    engine = world.broker.engine
    mark_restored(engine)
    assert why_not_whole(engine, held, broker=world.broker.digest) is None
    take_mark_away(engine)
    assert kept(reopened(world)).size > held.size


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"size": 100}, "the database's log has 1 entries", id="it had more entries"),
        pytest.param({"root": b"\0" * 32}, "is another one", id="it had others"),
        pytest.param({"origin": "symbolon-broker/" + "0" * 64}, "another broker's", id="it is another's"),
    ],
)
def test_one_that_lacks_something_says_what(world: World, change: dict[str, Any], says: str) -> None:
    held = replace(kept(world), **change)
    missing = why_not_whole(world.broker.engine, held, broker=world.broker.digest)
    assert missing is not None and says in missing


def begin(world: World, number: int, *, size: int) -> None:
    body = render_epoch(Epoch(number=number, size=size, root=world.broker.digest))
    with writing(world.broker.engine) as connection:
        replace_standing(connection, EPOCH, body)


def test_a_checkpoint_of_an_epoch_before_says_nothing_of_what_this_one_has_lost(world: World) -> None:
    held = kept(world)
    begin(world, 1, size=held.size)
    missing = why_not_whole(world.broker.engine, held, broker=world.broker.digest)
    assert missing is not None and "not the last one" in missing


def test_a_checkpoint_that_the_database_has_a_later_one_of_is_not_the_last(world: World) -> None:
    held = kept(world)
    kept(world)
    missing = why_not_whole(world.broker.engine, held, broker=world.broker.digest)
    assert missing is not None and "not the last one" in missing


def test_nothing_is_signed_of_a_log_that_may_have_forgotten_entries(world: World) -> None:
    """Else a broker that waits would sign another list than the one that was seen before."""
    first = world.release(NOW)
    mark_restored(world.broker.engine)
    log = reopened(world).broker.log
    with pytest.raises(BrokerRefused, match="was restored"):
        log.logged(first.logged.index, entry=first.logged.entry, opening=first.logged.opening)


def test_an_epoch_that_begins_afterwards_lets_it_release_and_an_earlier_one_does_not(world: World) -> None:
    engine, held = world.broker.engine, kept(world)
    begin(world, 1, size=held.size)
    mark_restored(engine)
    with pytest.raises(BrokerRefused):
        reopened(world).release(NOW)
    begin(world, 2, size=held.size)
    assert kept(reopened(world)).size == held.size + 1
