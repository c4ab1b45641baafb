"""No answer leaves before a checkpoint that everybody may see; two brokers never sign two logs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, delete, insert, update

from contract.checkpoint import (
    Checkpoint,
    broker_of,
    open_checkpoint,
    origin_of,
    sign_checkpoint,
    verify_logged,
)
from contract.dsse import public_key_of
from contract.release_refusals import BrokerRefused
from contract.signed_note import NOTE, NoteSignature, note_key, render_verifier_key
from release.log.appending import append
from release.log.proving import root_at
from release.log.publishing import Publisher
from release.log.restoring import KeptFile
from release.store.engine import reading, writing
from release.store.schema import checkpoints, log_entries, log_head, log_nodes
from tests.release.brokers import IDENTITY
from tests.release.log.conftest import Grow, stored_in
from tests.release.log.witness_server import WITNESS

BROKER = public_key_of(IDENTITY)
ORIGIN = origin_of(broker_of(IDENTITY))


def test_an_entry_is_logged_with_a_checkpoint_and_its_proof(engine: Engine, grow: Grow) -> None:
    grow(engine, 5)
    logged = Publisher(engine, IDENTITY).logged(3, entry=b"entry 3", opening=b"opening")
    assert verify_logged(logged, BROKER).size == 5
    assert stored_in(engine) == {5: logged.checkpoint}


def test_a_database_that_is_put_back_under_a_broker_gets_no_answer_with_a_proof_that_fails(
    engine: Engine, grow: Grow
) -> None:
    grow(engine, 5)
    publisher = Publisher(engine, IDENTITY)
    publisher.publish(5)
    with writing(engine) as connection:  # the log goes back to three entries, and on with others
        connection.execute(delete(log_entries).where(log_entries.c.position >= 3))
        for level, left in enumerate((3, 1, 0)):
            connection.execute(
                delete(log_nodes).where(log_nodes.c.level == level, log_nodes.c.position >= left)
            )
        connection.execute(delete(checkpoints))
        connection.execute(update(log_head).values(size=3))
        for number in range(2):
            append(connection, b"another %d" % number)
    with pytest.raises(BrokerRefused) as refused:
        publisher.logged(3, entry=b"another 0", opening=b"")
    assert refused.value.code == "broker-not-ready"
    with pytest.raises(BrokerRefused):
        publisher.check_ready()


def test_a_witness_that_never_ends_its_answer_holds_one_call_and_not_all(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("release.log.publishing.TURN_S", 0.05)
    asked, answers = threading.Event(), threading.Event()

    class Endless:
        key = WITNESS

        def add_checkpoint(
            self, checkpoint: str, *, old: int, proof: Sequence[bytes]
        ) -> tuple[NoteSignature, ...]:
            asked.set()
            answers.wait(60)
            return ()

    publisher = Publisher(engine, IDENTITY, witness=Endless())
    first = threading.Thread(target=publisher.check_ready)
    first.start()
    try:
        assert asked.wait(60)
        with pytest.raises(BrokerRefused, match="takes too long"):
            publisher.check_ready()
    finally:
        answers.set()
        first.join()


def test_one_checkpoint_serves_all_that_it_covers(engine: Engine, grow: Grow) -> None:
    grow(engine, 5)
    publisher = Publisher(engine, IDENTITY)
    texts = {
        publisher.logged(index, entry=b"entry %d" % index, opening=b"").checkpoint for index in (4, 0, 2)
    }
    assert len(texts) == 1
    grow(engine, 1)
    assert publisher.publish(6).checkpoint.size == 6


def test_a_log_without_an_entry_has_a_checkpoint_too(engine: Engine) -> None:
    publisher = Publisher(engine, IDENTITY)
    publisher.check_ready()
    (text,) = stored_in(engine).values()
    assert open_checkpoint(text, BROKER).size == 0


def test_an_entry_that_is_not_there_is_not_published(engine: Engine, grow: Grow) -> None:
    grow(engine, 2)
    with pytest.raises(BrokerRefused, match="does not have the entry"):
        Publisher(engine, IDENTITY).publish(3)


def test_two_brokers_of_one_database_sign_one_checkpoint(engine: Engine, grow: Grow) -> None:
    grow(engine, 3)
    first, second = Publisher(engine, IDENTITY), Publisher(engine, IDENTITY)
    assert first.publish(3).text == second.publish(3).text
    grow(engine, 2)
    assert second.publish(4).text == first.publish(5).text


def test_brokers_and_threads_that_append_at_once_sign_one_log(
    engine: Engine, url: str, open_database: Callable[[str], Engine]
) -> None:
    engines = [engine, engine if url.startswith("sqlite") else open_database(url)]
    publishers = [Publisher(each, IDENTITY) for each in engines]

    def release_some(number: int) -> None:
        mine, publisher = engines[number % 2], publishers[number % 2]
        for turn in range(6):
            leaf = f"{number}:{turn}".encode()
            with writing(mine) as connection:
                index = append(connection, leaf)
            verify_logged(publisher.logged(index, entry=leaf, opening=b""), BROKER)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(release_some, range(8)))
    with reading(engine) as connection:
        for size, text in stored_in(engine).items():
            assert open_checkpoint(text, BROKER).root == root_at(connection, size)


def test_a_second_root_of_one_size_is_not_signed(engine: Engine, grow: Grow) -> None:
    grow(engine, 3)
    other = sign_checkpoint(Checkpoint(origin=ORIGIN, size=3, root=bytes(32)), IDENTITY)
    with writing(engine) as connection:
        connection.execute(insert(checkpoints), {"size": 3, "text": other})
    with pytest.raises(BrokerRefused, match="two roots"):
        Publisher(engine, IDENTITY).publish(3)
    assert stored_in(engine) == {3: other}


def test_a_stored_note_with_another_signature_is_written_anew(engine: Engine, grow: Grow) -> None:
    grow(engine, 3)
    good = Publisher(engine, IDENTITY).publish(3).text
    stranger = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    with writing(engine) as connection:
        forged = sign_checkpoint(open_checkpoint(good, BROKER), stranger)
        connection.execute(update(checkpoints).values(text=forged))
    assert Publisher(engine, IDENTITY).publish(3).text == good
    assert stored_in(engine) == {3: good}


class TestWithAKeptFile:
    """A broker that keeps its last checkpoint outside notices that its database was taken back."""

    @pytest.fixture
    def kept(self, tmp_path: Path) -> KeptFile:
        return KeptFile(tmp_path / "kept")

    def test_the_last_checkpoint_is_kept_before_it_leaves(
        self, engine: Engine, grow: Grow, kept: KeptFile
    ) -> None:
        grow(engine, 2)
        publisher = Publisher(engine, IDENTITY, kept=kept)
        text = publisher.publish(2).text
        assert kept.path.read_text("utf-8") == text

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (0, "has 3 entries, and the checkpoint"),
            (2, "another one than the checkpoint"),
            (4, "another one"),
        ],
        ids=["it is shorter", "it went on to the same size", "it went on beyond"],
    )
    def test_a_restored_database_releases_nothing(
        self,
        engine: Engine,
        grow: Grow,
        kept: KeptFile,
        new_log: Callable[[int], Engine],
        more: int,
        said: str,
    ) -> None:
        grow(engine, 5)
        Publisher(engine, IDENTITY, kept=kept).publish(5)
        restored = new_log(3)
        grow(restored, more, name="another")
        with pytest.raises(BrokerRefused, match=said) as raised:
            Publisher(restored, IDENTITY, kept=kept).check_ready()
        assert raised.value.code == "broker-not-ready"
        assert stored_in(restored) == {}

    def test_the_newest_backup_is_whole(
        self, engine: Engine, grow: Grow, kept: KeptFile, new_log: Callable[[int], Engine]
    ) -> None:
        grow(engine, 5)
        Publisher(engine, IDENTITY, kept=kept).publish(5)
        newest = new_log(5)
        grow(newest, 1)
        Publisher(newest, IDENTITY, kept=kept).check_ready()

    def test_a_log_that_grows_while_it_is_looked_at_is_not_taken_for_a_restored_one(
        self, engine: Engine, grow: Grow, kept: KeptFile
    ) -> None:
        class Watched(KeptFile):
            """Another broker signs just before it is read."""

            __slots__ = ()

            def read(self) -> Checkpoint | None:
                if not stored_in(engine):
                    grow(engine, 1, name="meanwhile")
                    Publisher(engine, IDENTITY, kept=KeptFile(self.path)).publish(3)
                return KeptFile(self.path).read()

        grow(engine, 2)
        assert Publisher(engine, IDENTITY, kept=Watched(kept.path)).publish(2).checkpoint.size == 3

    def test_a_running_broker_sees_what_was_kept_after_it(
        self, engine: Engine, grow: Grow, kept: KeptFile, new_log: Callable[[int], Engine]
    ) -> None:
        grow(engine, 5)
        publisher = Publisher(engine, IDENTITY, kept=kept)
        publisher.publish(5)
        Publisher(new_log(9), IDENTITY, kept=kept).publish(9)
        grow(engine, 1)
        with pytest.raises(BrokerRefused, match="has 6 entries, and the checkpoint"):
            publisher.publish(6)

    def test_a_disk_that_takes_nothing_lets_nothing_leave(
        self, engine: Engine, grow: Grow, tmp_path: Path
    ) -> None:
        grow(engine, 1)
        with pytest.raises(BrokerRefused, match="cannot be written"):
            Publisher(engine, IDENTITY, kept=KeptFile(tmp_path / "nowhere" / "kept")).publish(1)


def test_a_database_that_is_taken_back_under_a_running_broker_is_noticed(
    engine: Engine, grow: Grow, tmp_path: Path, new_log: Callable[[int], Engine]
) -> None:
    grow(engine, 5)
    publisher = Publisher(engine, IDENTITY)
    publisher.publish(5)
    publisher._engine = new_log(3)
    grow(publisher._engine, 3, name="another")
    with pytest.raises(BrokerRefused, match="what this broker has signed"):
        publisher.publish(6)


def test_whether_a_restore_is_noticed_can_be_asked(engine: Engine, tmp_path: Path) -> None:
    assert not Publisher(engine, IDENTITY).notices_restores
    assert Publisher(engine, IDENTITY, kept=KeptFile(tmp_path / "kept")).notices_restores


def test_the_log_s_key_is_written_for_a_witness(engine: Engine) -> None:
    assert Publisher(engine, IDENTITY).verifier_key() == render_verifier_key(note_key(ORIGIN, NOTE, IDENTITY))
