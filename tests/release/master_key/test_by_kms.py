"""A master key in Cloud KMS: the emulator's, asked as a broker asks Google's."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
import requests

from attestation.errors import Denied, Misconfigured, SymbolonError, Unavailable
from deploy.google_api import GoogleApi
from release.folder import open_keys, read
from release.master_key.by_kms import KmsWrapping
from release.master_key.opening import open_kms
from release.master_key.wrapping import MasterKeyUnknown, WrappedRefused, key_id_of, render_by_kms
from release.rotating import rotate
from release.store.engine import open_engine
from release.store.migrating import migrate
from tests.kms_keys import Key, Keys
from tests.release.folders import folder_in

CredentialsOf = Callable[[str], Any]


@pytest.fixture(scope="module")
def counted() -> Iterator[list[int]]:
    yield []


@pytest.fixture
def key(credentials_of: CredentialsOf, counted: list[int]) -> Key:
    counted.append(1)
    return Keys(api=GoogleApi(credentials_of("owner")), ring=f"broker{len(counted)}").new()


@pytest.fixture
def master(key: Key, through_gateway: Any, monkeypatch: pytest.MonkeyPatch) -> KmsWrapping:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    return open_kms(key.kms)


def test_what_was_wrapped_opens_for_the_same_purpose_alone(master: KmsWrapping, key: Key) -> None:
    wrapped = master.wrap(b"a key", b"for one thing")
    assert b"a key" not in wrapped
    assert key_id_of(wrapped) == f"{key.kms}/cryptoKeyVersions/1"
    assert master.unwrap(wrapped, b"for one thing") == b"a key"
    with pytest.raises(WrappedRefused):
        master.unwrap(wrapped, b"for another")


def test_a_new_version_wraps_and_the_old_one_still_opens(master: KmsWrapping, key: Key) -> None:
    old = master.wrap(b"a key", b"x")
    key.rotate()
    new = master.wrap(b"a key", b"x")
    assert key_id_of(new).endswith("/2")
    assert master.unwrap(old, b"x") == master.unwrap(new, b"x") == b"a key"


def test_a_disabled_version_ends_every_release(master: KmsWrapping, key: Key) -> None:
    wrapped = master.wrap(b"a key", b"x")
    key.disable(1)
    with pytest.raises(Misconfigured, match="a version of it is disabled or destroyed"):
        master.unwrap(wrapped, b"x")


def test_who_may_not_use_the_key_is_told_so(
    key: Key, session_of: Callable[[str], Any], master: KmsWrapping
) -> None:
    with pytest.raises(Denied, match="may not encrypt by the key") as refused:
        KmsWrapping(key.kms, session_of("operator")).wrap(b"a key", b"x")
    assert "gcloud kms keys add-iam-policy-binding" in refused.value.hint


def test_what_another_key_wrapped_is_told_by_its_name(master: KmsWrapping, key: Key) -> None:
    foreign = key_id_of(master.wrap(b"a key", b"x")).replace("broker", "others")
    with pytest.raises(MasterKeyUnknown, match="others"):
        master.unwrap(render_by_kms(foreign, b"ciphertext"), b"x")


@dataclass
class Answering:
    """A session whose answers are given beforehand."""

    answers: list[Any]
    asked: list[Any] = field(default_factory=list)

    def post(self, url: str, *, json: Any, timeout: float) -> requests.Response:
        self.asked.append(json)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        made = requests.Response()
        made.status_code = status
        made._content = body
        return made


GOOD = b'{"plaintext": "YSBrZXk=", "plaintextCrc32c": "%d"}'


def unwrapping(key: Key, *answers: Any) -> tuple[Answering, Callable[[], bytes]]:
    session = Answering(list(answers))
    master = KmsWrapping(key.kms, session, sleep=lambda seconds: None)
    return session, lambda: master.unwrap(render_by_kms(f"{key.kms}/cryptoKeyVersions/1", b"c"), b"x")


def test_what_passes_is_asked_again(key: Key) -> None:
    good = (200, GOOD % google_crc32c.value(b"a key"))
    session, ask = unwrapping(key, (503, b""), requests.ConnectionError(), good)
    assert ask() == b"a key"
    assert len(session.asked) == 3
    assert base64.b64decode(session.asked[0]["additionalAuthenticatedData"]) == b"x"


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param([(503, b"")] * 3, Unavailable, id="it never answers"),
        pytest.param([requests.Timeout()] * 3, Unavailable, id="it never ends an answer"),
        pytest.param([(200, b"[]")], Unavailable, id="no object"),
        pytest.param([(200, b"nothing")], Unavailable, id="no json"),
        pytest.param([(200, b"{}")], Unavailable, id="no plaintext"),
        pytest.param([(200, GOOD % 1)], Unavailable, id="a checksum that does not fit"),
        pytest.param([(404, b"{}")], Misconfigured, id="no such key"),
        pytest.param([(403, b"{}")], Denied, id="not allowed"),
        pytest.param([(401, b"{}")], Denied, id="nobody"),
    ],
)
def test_an_answer_that_is_not_the_key_is_none(
    key: Key, answers: list[Any], error: type[SymbolonError]
) -> None:
    _, ask = unwrapping(key, *answers)
    with pytest.raises(error):
        ask()


def test_a_request_that_arrived_damaged_is_noticed(key: Key) -> None:
    session = Answering(
        [(200, b'{"name": "%s/cryptoKeyVersions/1", "ciphertext": ""}' % str(key.kms).encode())]
    )
    with pytest.raises(Unavailable, match="damaged"):
        KmsWrapping(key.kms, session).wrap(b"a key", b"x")


def test_a_broker_whose_master_key_is_in_cloud_kms_has_no_passphrase_and_follows_its_versions(
    key: Key, master: KmsWrapping, tmp_path: Path
) -> None:
    folder = folder_in(tmp_path, kms=key.kms, passphrase="")
    assert not (folder.path / "master.key").exists()

    def no_passphrase() -> str:
        raise AssertionError("it was asked for a passphrase")

    keys = open_keys(folder, no_passphrase)
    files = ("identity.key", "intake.key", "tls.key", "tls-next.key")
    assert {key_id_of(read(folder, name)).rpartition("/")[2] for name in files} == {"1"}

    key.rotate()
    engine = open_engine(folder.database)
    migrate(engine)
    done = rotate(folder, engine, master, approved=None, has_copies=False)
    engine.dispose()
    assert (done.is_done, done.wrapped_again) == (True, len(files))
    assert {key_id_of(read(folder, name)).rpartition("/")[2] for name in files} == {"2"}
    key.destroy(1)
    again = open_keys(folder, no_passphrase)
    assert again.identity.private_bytes_raw() == keys.identity.private_bytes_raw()
