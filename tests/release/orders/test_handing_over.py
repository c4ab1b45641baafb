"""A model's key is wrapped while nothing is locked, and kept only where nothing has changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import insert

from contract.model_keys import render_model_key, seal_model_key
from contract.release_refusals import BrokerRefused
from release.broker import model_context
from release.store.engine import writing
from release.store.schema import models
from tests.orders import FIRST, STRANGER
from tests.release.brokers import DATA_KEY, MANIFEST, TestMaster
from tests.release.orders.conftest import Owner

CONTEXT = model_context(MANIFEST)


@dataclass
class Watched(TestMaster):
    """A master key that does something while it is asked."""

    while_asked: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)
    rotations: int = 0

    def wrap(self, data: bytes, associated: bytes) -> bytes:
        self.asked.append("wrap")
        self.while_asked()
        return super().wrap(data, associated)

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        self.asked.append("unwrap")
        self.while_asked()
        return super().unwrap(wrapped, associated)

    def is_current(self, wrapped: bytes) -> bool:
        self.rotations -= 1
        return self.rotations < 0


def watched(owner: Owner, *, rotations: int = 0) -> Watched:
    master = Watched(rotations=rotations)
    owner.broker = replace(owner.broker, master=master)
    return master


def body(owner: Owner, key: bytes = DATA_KEY) -> bytes:
    sealed = seal_model_key(
        key,
        intake=owner.broker.intake.public_key().public_bytes_raw(),
        broker=owner.broker.digest,
        manifest=MANIFEST,
        model_id="lite0.tar",
        version=1,
    )
    return render_model_key(sealed)


def test_nobody_waits_for_the_master_key(owner: Owner) -> None:
    """No connection is in use while it is asked, so nothing of the database is locked."""
    master, in_use = watched(owner), []
    master.while_asked = lambda: in_use.append(owner.broker.engine.pool.checkedout())  # type: ignore[attr-defined]
    owner.order("model", body(owner), FIRST)
    owner.order("model", body(owner), FIRST)
    assert (master.asked, in_use) == (["wrap", "unwrap"], [0, 0])


def test_a_key_that_the_old_master_key_wrapped_is_wrapped_anew(owner: Owner) -> None:
    master = watched(owner, rotations=2)
    owner.order("model", body(owner), FIRST)
    assert master.asked == ["wrap"] * 3
    assert owner.model_keys() == {MANIFEST: TestMaster().wrap(DATA_KEY, CONTEXT)}


def test_where_it_is_rotated_again_and_again_the_order_is_to_be_sent_again(owner: Owner) -> None:
    watched(owner, rotations=100)
    with pytest.raises(BrokerRefused, match="the master key is being rotated") as no:
        owner.order("model", body(owner), FIRST)
    assert (no.value.code, owner.model_keys(), owner.log()) == ("broker-not-ready", {}, [])


@pytest.mark.parametrize("key", [DATA_KEY, b"q" * 32])
def test_a_key_that_another_broker_kept_meanwhile_is_held_against_it(owner: Owner, key: bytes) -> None:
    master = watched(owner)

    def keep_another() -> None:
        if master.asked == ["wrap"]:
            row = {"model_id": "lite0.tar", "version": 1, "wrapped": TestMaster().wrap(key, CONTEXT)}
            with writing(owner.broker.engine) as connection:
                connection.execute(insert(models).values(manifest=MANIFEST, **row))

    master.while_asked = keep_another
    if key == DATA_KEY:
        owner.order("model", body(owner), FIRST)
    else:
        with pytest.raises(BrokerRefused, match="another key for this manifest"):
            owner.order("model", body(owner), FIRST)
    assert owner.model_keys() == {MANIFEST: TestMaster().wrap(key, CONTEXT)}


def test_the_master_key_is_asked_for_nobody_but_the_owner_and_once_an_order(owner: Owner) -> None:
    master = watched(owner)
    with pytest.raises(BrokerRefused):
        owner.order("model", body(owner), STRANGER)
    with pytest.raises(BrokerRefused):
        owner.order("model", body(owner), FIRST, sequence=7)
    assert master.asked == []
    sent = owner.make("model", body(owner), FIRST)
    assert owner.send(sent)["index"] == owner.send(sent)["index"]
    assert master.asked == ["wrap"]
