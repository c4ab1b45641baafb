"""A broker with a witness says nothing that the witness has not seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contract.checkpoint import (
    open_checkpoint,
)
from contract.cosignature import verify_cosignature
from contract.dsse import public_key_of
from contract.release_refusals import BrokerRefused
from contract.signed_note import NoteSignature, parse_note
from release.log.publishing import AGAIN_S, Publisher
from release.log.restoring import KeptFile
from release.log.witness import WitnessClient
from tests.release.brokers import IDENTITY
from tests.release.log.conftest import Grow, stored_in
from tests.release.log.witness_server import WITNESS, Witness

BROKER = public_key_of(IDENTITY)


@pytest.fixture
def publisher(engine: Engine, witness: Witness) -> Publisher:
    made = Publisher(engine, IDENTITY, witness=WitnessClient(witness.url, WITNESS), clock=lambda: 0.0)
    witness.know(made.verifier_key())
    return made


def test_each_checkpoint_is_cosigned(engine: Engine, publisher: Publisher, grow: Grow) -> None:
    for size in (1, 3, 8, 9):
        grow(engine, size - len(stored_in(engine)), name=str(size))
        text = publisher.publish(size).text
        verify_cosignature(parse_note(text), WITNESS)
        assert open_checkpoint(text, BROKER).size >= size


def test_nothing_leaves_while_it_is_away(
    engine: Engine, grow: Grow, witness: Witness, publisher: Publisher
) -> None:
    publisher.check_ready()
    grow(engine, 1)
    witness.broken = (503, "text/plain", b"")
    with pytest.raises(BrokerRefused, match="does not cosign"):
        publisher.logged(0, entry=b"", opening=b"")
    assert 1 not in stored_in(engine)
    with pytest.raises(BrokerRefused, match="does not cosign"):
        publisher.check_ready()


def test_it_is_asked_again_after_a_second_and_not_before(
    engine: Engine, grow: Grow, witness: Witness
) -> None:
    now = [100.0]
    publisher = Publisher(engine, IDENTITY, witness=WitnessClient(witness.url, WITNESS), clock=lambda: now[0])
    with pytest.raises(BrokerRefused, match="does not know the log"):
        publisher.check_ready()
    witness.know(publisher.verifier_key())
    asked = len(witness.asked)
    now[0] += AGAIN_S / 2
    with pytest.raises(BrokerRefused, match="does not know the log"):
        publisher.check_ready()
    assert len(witness.asked) == asked
    now[0] += AGAIN_S
    publisher.check_ready()


def test_a_broker_that_starts_learns_from_the_witness_where_it_was(
    engine: Engine, grow: Grow, witness: Witness, publisher: Publisher
) -> None:
    grow(engine, 5)
    publisher.publish(5)
    grow(engine, 3)
    again = Publisher(engine, IDENTITY, witness=WitnessClient(witness.url, WITNESS))
    assert again.publish(8).checkpoint.size == 8


def test_two_brokers_go_on_from_one_another(
    engine: Engine, grow: Grow, witness: Witness, publisher: Publisher
) -> None:
    second = Publisher(engine, IDENTITY, witness=WitnessClient(witness.url, WITNESS))
    for size in range(1, 6):
        grow(engine, 1)
        verify_cosignature(parse_note((publisher, second)[size % 2].publish(size).text), WITNESS)


def test_a_note_that_lacks_it_is_cosigned_before_it_leaves(
    engine: Engine, grow: Grow, publisher: Publisher
) -> None:
    grow(engine, 2)
    without = Publisher(engine, IDENTITY).publish(2).text
    text = publisher.publish(2).text
    assert text.startswith(without) and text != without
    assert stored_in(engine) == {2: text}


def test_a_log_that_another_broker_has_shown_it_longer_is_signed_as_it_is_now(
    engine: Engine, grow: Grow, witness: Witness, publisher: Publisher
) -> None:
    second = Publisher(engine, IDENTITY, witness=WitnessClient(witness.url, WITNESS))
    overtaken: list[bool] = []
    grow(engine, 2)
    client = WitnessClient(witness.url, WITNESS)
    send = client.add_checkpoint

    class Slow:
        key = WITNESS

        def add_checkpoint(self, text: str, *, old: int, proof: Sequence[bytes]) -> tuple[NoteSignature, ...]:
            if not overtaken:
                overtaken.append(True)
                grow(engine, 2, name="meanwhile")
                second.publish(4)
            return send(text, old=old, proof=proof)

    slow = Publisher(engine, IDENTITY, witness=Slow())
    assert slow.publish(2).checkpoint.size == 4


def test_one_checkpoint_serves_all_who_wait_for_one(
    engine: Engine, grow: Grow, witness: Witness, publisher: Publisher, tmp_path: Path
) -> None:
    client = WitnessClient(witness.url, WITNESS)
    asked, all_wait, waiting = threading.Event(), threading.Event(), threading.Semaphore(0)
    kept: list[str] = []

    class Slow:
        key = WITNESS

        def add_checkpoint(self, text: str, *, old: int, proof: Sequence[bytes]) -> tuple[NoteSignature, ...]:
            asked.set()
            all_wait.wait(60)
            return client.add_checkpoint(text, old=old, proof=proof)

    class Counted(KeptFile):
        __slots__ = ()

        def keep(self, text: str) -> None:
            kept.append(text)
            KeptFile(self.path).keep(text)

    slow = Publisher(engine, IDENTITY, witness=Slow(), kept=Counted(tmp_path / "kept"))

    def publish(size: int) -> int:
        waiting.release()
        return slow.publish(size).checkpoint.size

    grow(engine, 1)
    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(publish, 1)
        assert asked.wait(60)
        grow(engine, 4, name="later")
        later = [threads.submit(publish, size) for size in (2, 3, 4, 5)]
        for _ in range(5):
            assert waiting.acquire(timeout=60)
        all_wait.set()
        assert first.result() == 1
        assert [each.result() for each in later] == [5, 5, 5, 5]
    assert len(kept) == 2


def test_a_restored_database_is_told_by_the_witness(
    engine: Engine, grow: Grow, witness: Witness, new_log: Callable[[int], Engine]
) -> None:
    publisher = Publisher(engine, IDENTITY, witness=WitnessClient(witness.url, WITNESS))
    witness.know(publisher.verifier_key())
    grow(engine, 5)
    publisher.publish(5)
    restored = Publisher(new_log(3), IDENTITY, witness=WitnessClient(witness.url, WITNESS))
    with pytest.raises(BrokerRefused, match="has 3 entries, and the witness has 5"):
        restored.check_ready()


def test_a_restored_database_that_went_on_is_told_by_the_witness(
    engine: Engine, grow: Grow, witness: Witness, new_log: Callable[[int], Engine]
) -> None:
    publisher = Publisher(engine, IDENTITY, witness=WitnessClient(witness.url, WITNESS))
    witness.know(publisher.verifier_key())
    grow(engine, 5)
    publisher.publish(5)
    forked = new_log(3)
    grow(forked, 4, name="another")
    with pytest.raises(BrokerRefused, match="has seen another log"):
        Publisher(forked, IDENTITY, witness=WitnessClient(witness.url, WITNESS)).check_ready()
