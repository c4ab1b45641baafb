"""Keys outlive the emulator, however it ends; and what is destroyed is on no disk."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

from attestation.errors import Misconfigured
from emulator import running
from emulator.kms.keys import from_document, to_document
from emulator.kms.store import KeyStore
from emulator.running import Running
from emulator.state import State
from tests.emulator.kms.conftest import DAY_S, FIRST, HOST, KEY, RING, SYMMETRIC


def file_of(state: State) -> Path:
    return state.folder / "documents" / "cloudkms.cryptoKeys.json"


def test_a_key_is_kept_as_it_is(key: Any) -> None:
    state = key.platform.state
    key.grant("roles/cloudkms.viewer", "user:ana@example.com")
    there = KeyStore(state).key(KEY)
    assert there is not None
    assert from_document(json.loads(json.dumps(to_document(there)))) == there
    again = KeyStore(State(state.folder, clock=state.clock)).key(KEY)
    assert again == there


def test_the_file_is_its_owners_alone(key: Any) -> None:
    path = file_of(key.platform.state)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_material_is_in_that_file_alone_and_is_gone_when_it_is_destroyed(key: Any, clock: Any) -> None:
    state = key.platform.state
    stored = KeyStore(state).key(KEY)
    assert stored is not None
    material = base64.b64encode(stored.versions[0].material)

    def holders() -> list[Path]:
        return [each for each in state.folder.rglob("*") if each.is_file() and material in each.read_bytes()]

    ciphertext = key.encrypt(b"data").json["ciphertext"]
    key.decrypt(ciphertext)
    key.made(f"{FIRST}:destroy", {})
    assert holders() == [file_of(state)]
    clock.now += 2 * DAY_S
    key.get(RING)
    key.get(f"{RING}/cryptoKeys")
    assert holders() == []


@pytest.mark.parametrize(("less_s", "then"), [(1, "DESTROY_SCHEDULED"), (0, "DESTROYED")])
def test_what_became_due_while_nothing_ran_is_done_at_the_start(
    key: Any, clock: Any, less_s: int, then: str
) -> None:
    key.made(f"{FIRST}:destroy", {})
    folder = key.platform.state.folder
    clock.now += 2 * DAY_S - less_s
    KeyStore(State(folder, clock=clock))
    document = json.loads(file_of(key.platform.state).read_bytes())[KEY]["versions"][0]
    assert (document["state"], document["material"] == "") == (then, then == "DESTROYED")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"versions": [{}]}, id="a version without anything"),
        pytest.param({"more": 1}, id="a field that no key has"),
        pytest.param({"key_id": 7}, id="an ID that is a number"),
        pytest.param({"next_rotation_at": "soon"}, id="a time that is a text"),
    ],
)
def test_a_key_that_no_emulator_writes_is_told_at_the_start(key: Any, damage: dict[str, Any]) -> None:
    path = file_of(key.platform.state)
    documents = json.loads(path.read_bytes())
    path.write_text(json.dumps({KEY: documents[KEY] | damage}))
    with pytest.raises(Misconfigured, match=f"`{path}` is damaged"):
        KeyStore(State(key.platform.state.folder, clock=key.platform.clock))


def test_what_a_key_is_made_of_shows_itself_nowhere(key: Any) -> None:
    stored = KeyStore(key.platform.state).key(KEY)
    assert stored is not None
    assert "material" not in repr(stored)
    assert "material" not in json.dumps(stored.render())


def session_of(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> AuthorizedSession:
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    file = str(emulator.credentials_file("owner"))
    return AuthorizedSession(Credentials.from_authorized_user_file(file))  # type: ignore[no-untyped-call]


def test_keys_survive_an_emulator_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = running.start(tmp_path)
    with session_of(first, monkeypatch) as owner:
        ring = f"{HOST}projects/primus/locations/global/keyRings?keyRingId=ring"
        assert owner.post(ring, json={}).status_code == 200
        assert owner.post(f"{HOST}{RING}/cryptoKeys?cryptoKeyId=key", json=SYMMETRIC).status_code == 200
        sealed = owner.post(f"{HOST}{KEY}:encrypt", json={"plaintext": "ZGF0YQ=="}).json()["ciphertext"]
    os.kill(first.pid, signal.SIGKILL)
    first.stop()  # waits for it
    second = running.start(tmp_path)
    try:
        with session_of(second, monkeypatch) as owner:
            opened = owner.post(f"{HOST}{KEY}:decrypt", json={"ciphertext": sealed}).json()
        assert opened["plaintext"] == "ZGF0YQ=="
        kept = tmp_path / "documents" / "cloudkms.cryptoKeys.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    finally:
        second.stop()
