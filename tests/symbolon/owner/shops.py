"""An owner's folder with keys and a broker that it names, as the command finds it: `shop`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from attestation.digests import Digest
from contract.approvals import make_approvals, render_approvals
from contract.dsse import PrivateKey, public_key_of
from contract.release_refusals import REFUSALS
from release.broker import Broker
from release.log.publishing import Publisher
from release.orders.applying import apply
from release.orders.querying import answer_query
from release.orders.standing import APPROVALS, replace_standing
from release.store.engine import open_engine, writing
from release.store.migrating import migrate
from symbolon.broker_client import BrokerUnreachable
from tests.orders import FIRST, NOW, SECOND, STRANGER, THIRD
from tests.release.brokers import make_broker
from tests.symbolon.conftest import Answered, Ask

PASSPHRASE = "a sentence that opens the keys of tests"
URL = "https://broker.primus.example"
PINS = ("3f" * 32, "90" * 32)
NAMES: dict[str, PrivateKey] = {"anna": FIRST, "ben": SECOND, "cleo": THIRD, "stranger": STRANGER}


@dataclass
class Shop:
    """The owner's folder, in which the command is typed; and what stands behind the broker's address."""

    folder: Path
    broker: Broker
    typed: Ask
    now: int = NOW
    calls: list[tuple[str, bytes]] = field(default_factory=list)
    unreachable: int = 0
    """So many calls are done, and nobody hears the answer."""
    altered: Callable[[bytes], bytes] = lambda answer: answer

    def call(self, url: str, path: str, body: bytes, *, pins: tuple[Digest, ...]) -> bytes:
        """What `symbolon.broker_client.call` would answer."""
        assert (url, tuple(pin.removeprefix("sha256:") for pin in pins)) == (URL, PINS)
        self.calls.append((path, body))
        answer = {"/v1/orders": apply, "/v1/query": answer_query}[path](self.broker, body, self.now)
        if self.unreachable and path == "/v1/orders":
            self.unreachable -= 1
            raise BrokerUnreachable("the broker cannot be reached")
        return self.altered(answer)

    def owner(self, *words: str | Path, key: str = "anna") -> Answered:
        """`symbolon owner …`, with one of the keys; what it signs is agreed to."""
        agreed = ("--yes",) if words[0] in ("order", "approve") else ()
        return self.alone(*words, *agreed, key=key)

    def alone(self, *words: str | Path, key: str = "anna") -> Answered:
        """`symbolon owner …` as it is typed, with one of the keys."""
        return self.typed("owner", *words, "--key", f"{key}.pem", "--passphrase-file", "passphrase")

    def json(self, *words: str | Path, key: str = "anna") -> Any:
        answered = self.owner(*words, "--format", "json", key=key)
        assert answered.code == 0, answered.err
        return answered.json

    def sell(self, *words: str) -> Any:
        """A licence of three runs, or what `words` say."""
        said = self.json(
            "licence", "issue", "--model", "lite0.tar", "--to-project", "secundus",
            "--image", "sha256:" + "a" * 64, *(words or ("--runs", "3")),
        )  # fmt: skip
        return said["licence"] if said["done"] else said

    def approve(self, threshold: int, *names: str) -> None:
        """These keys are the list, whatever was before."""
        keys = tuple(public_key_of(NAMES[name]) for name in names)
        with writing(self.broker.engine) as connection:
            replace_standing(connection, APPROVALS, render_approvals(make_approvals(keys, threshold)))


@pytest.fixture(scope="session")
def broker_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the broker's tables, and nothing in them."""
    path = tmp_path_factory.mktemp("shop") / "broker.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def owner_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each key, locked, its public half, and the passphrase."""
    folder = tmp_path_factory.mktemp("keys")
    locked = BestAvailableEncryption(PASSPHRASE.encode())
    for name, key in NAMES.items():
        (folder / f"{name}.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.pem.pub").write_bytes(public)
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    return folder


@pytest.fixture
def shop(
    tmp_path: Path,
    broker_database: Path,
    owner_keys: Path,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    folder = tmp_path / "owner"
    shutil.copytree(owner_keys, folder)
    shutil.copy(broker_database, tmp_path / "broker.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'broker.db'}")
    there = Shop(folder=folder, broker=_with_log(make_broker(engine)), typed=ask)
    there.approve(1, "anna")
    key = public_key_of(there.broker.identity).text
    (folder / "symbolon.toml").write_text(
        f'[broker]\nurl = "{URL}"\nkey = "{key}"\npins = {json.dumps(PINS)}\n'
    )
    monkeypatch.chdir(folder)
    monkeypatch.setattr("symbolon.owner.desk.call", there.call)
    monkeypatch.setattr("symbolon.owner.desk.now", lambda: datetime.fromtimestamp(there.now, UTC))
    yield there
    engine.dispose()


def _with_log(broker: Broker) -> Broker:
    """The broker, whose checkpoints are signed."""
    return replace(broker, log=Publisher(broker.engine, broker.identity))


class NotReady:
    """A log that waits to be made whole."""

    def check_ready(self) -> None:
        raise REFUSALS["broker-not-ready"].error()
