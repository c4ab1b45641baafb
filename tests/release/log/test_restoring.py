"""A database is held against what others have seen of its log; an epoch of the owner's begins another log."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, insert

from attestation.digests import Digest
from contract.checkpoint import Checkpoint, broker_of, origin_of, sign_checkpoint
from contract.merkle import EMPTY_ROOT
from contract.orders import Epoch, render_epoch
from contract.release_refusals import BrokerRefused
from release.log.proving import root_at
from release.log.publishing import Publisher
from release.log.restoring import EPOCH, KeptFile, check_extends, current_epoch
from release.store.engine import reading, writing
from release.store.schema import CURRENT, documents
from tests.release.brokers import IDENTITY
from tests.release.log.conftest import Grow

BROKER = broker_of(IDENTITY)
OTHER = broker_of(Ed25519PrivateKey.from_private_bytes(b"o" * 32))


def epoch(number: int) -> bytes:
    return render_epoch(Epoch(number=number, size=4, root=Digest("sha256:" + "0" * 64)))


def begin_epoch(engine: Engine, text: bytes) -> None:
    row = {"kind": EPOCH, "name": CURRENT, "digest": "sha256:" + "0" * 64, "body": text}
    with writing(engine) as connection:
        connection.execute(insert(documents), row)


def test_a_database_is_of_the_first_epoch_until_the_owner_begins_another(engine: Engine) -> None:
    with reading(engine) as connection:
        assert current_epoch(connection) == 0
    begin_epoch(engine, epoch(2))
    with reading(engine) as connection:
        assert current_epoch(connection) == 2


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", epoch(1)[:-1], epoch(1).replace(b":1,", b":2,")])
def test_an_epoch_that_says_no_number_is_a_broken_database(engine: Engine, body: bytes) -> None:
    begin_epoch(engine, body)
    with pytest.raises(BrokerRefused, match="not whole"), reading(engine) as connection:
        current_epoch(connection)


def test_an_epoch_is_another_log_which_what_was_kept_does_not_bind(
    engine: Engine, grow: Grow, tmp_path: Path
) -> None:
    kept = KeptFile(tmp_path / "kept")
    lost = Checkpoint(origin=origin_of(BROKER), size=9, root=bytes(32))
    kept.keep(sign_checkpoint(lost, IDENTITY))
    grow(engine, 4)
    with pytest.raises(BrokerRefused, match="has 4 entries, and the checkpoint"):
        Publisher(engine, IDENTITY, kept=kept).check_ready()
    begin_epoch(engine, epoch(1))
    Publisher(engine, IDENTITY, kept=kept).check_ready()
    now = kept.read()
    assert now is not None and (now.origin, now.size) == (origin_of(BROKER, 1), 4)


def test_a_broker_that_is_not_ready_becomes_so_by_the_owner_s_order(
    engine: Engine, grow: Grow, tmp_path: Path
) -> None:
    kept = KeptFile(tmp_path / "kept")
    kept.keep(sign_checkpoint(Checkpoint(origin=origin_of(BROKER), size=9, root=bytes(32)), IDENTITY))
    now = [0.0]
    publisher = Publisher(engine, IDENTITY, kept=kept, clock=lambda: now[0])
    with pytest.raises(BrokerRefused, match="it was restored"):
        publisher.check_ready()
    begin_epoch(engine, epoch(1))
    now[0] += 60
    publisher.check_ready()


def test_a_database_from_before_the_epoch_is_behind(engine: Engine, grow: Grow) -> None:
    grow(engine, 2)
    with reading(engine) as connection:
        now = Checkpoint(origin=origin_of(BROKER), size=2, root=root_at(connection, 2))
        held = Checkpoint(origin=origin_of(BROKER, 1), size=0, root=EMPTY_ROOT)
        with pytest.raises(BrokerRefused, match="of epoch 0, and the file of epoch 1"):
            check_extends(now, held, root_at=partial(root_at, connection), broker=BROKER, where="the file")


def test_another_broker_s_checkpoint_is_no_measure() -> None:
    now = Checkpoint(origin=origin_of(BROKER), size=0, root=EMPTY_ROOT)
    held = Checkpoint(origin=origin_of(OTHER), size=0, root=EMPTY_ROOT)
    with pytest.raises(BrokerRefused, match="another broker's"):
        check_extends(now, held, root_at=lambda _: EMPTY_ROOT, broker=BROKER, where="the file")


@pytest.mark.parametrize("content", [b"", b"\xff", b"something else"], ids=["empty", "no text", "no note"])
def test_a_kept_file_with_something_else_in_it_stops_the_broker(tmp_path: Path, content: bytes) -> None:
    file = KeptFile(tmp_path / "kept")
    assert file.read() is None
    file.path.write_bytes(content)
    with pytest.raises(BrokerRefused, match="something else"):
        file.read()


def test_a_kept_file_that_cannot_be_read_stops_the_broker(tmp_path: Path) -> None:
    with pytest.raises(BrokerRefused, match="cannot be read"):
        KeptFile(tmp_path).read()


def test_what_is_kept_is_whole_or_what_it_was(tmp_path: Path) -> None:
    file = KeptFile(tmp_path / "kept")
    first = Checkpoint(origin=origin_of(BROKER), size=0, root=EMPTY_ROOT)
    file.keep(sign_checkpoint(first, IDENTITY))
    file.path.with_name(f".kept.{os.getpid()}").mkdir()
    with pytest.raises(BrokerRefused, match="cannot be written"):
        file.keep("another")
    assert file.read() == first
