"""A model that an owner may seal, with a bucket and a key for it, and the commands that do so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from contract.kms_keys import KmsKey
from contract.release_terms import ReleaseTerms
from contract.terms import OwnerTerms
from contract.wrapped_keys import entry_of, parse_keys
from deploy import key_wrapping
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import GoogleApi
from emulator.faults import Faults, write_faults
from emulator.running import Running
from tests.kms_keys import Key, Keys
from tests.symbolon.conftest import Answered, Ask
from tests.symbolon.owner.test_protect import left_by_init, terms_of

OWNER = "user:owner@primus.example"
THEIRS = KmsKey(project="secundus", location="europe-west4", ring="models", key="lite0")
"""A key of which the owner of primus may know nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """An owner with a bucket, a key, and what `owner init` left."""

    keys: Keys
    key: Key
    bucket: storage.Bucket
    mine: Path

    @property
    def kms(self) -> str:
        return str(self.key.kms)

    @property
    def seal(self) -> tuple[str, str]:
        """The option that seals."""
        return "--seal", f"kms={self.kms}"

    @property
    def terms(self) -> OwnerTerms:
        return terms_of(self.mine)

    @property
    def release(self) -> ReleaseTerms:
        release = self.terms.release
        assert release is not None
        return release

    def read(self, suffix: str = "") -> bytes:
        data: bytes = self.bucket.blob(f"model.tar{suffix}").download_as_bytes()
        return data

    def generations(self) -> dict[str, int]:
        return {blob.name: int(blob.generation) for blob in self.bucket.list_blobs()}

    def data_key(self) -> bytes:
        """As whoever may decrypt with the owner's key has it."""
        keys = parse_keys(self.read(".keys.json"), manifest=self.release.manifest)
        wrapped = entry_of(keys, self.key.kms).wrapped
        return key_wrapping.unwrap(self.key.api, self.key.kms, wrapped, self.release.manifest).key


@pytest.fixture(scope="module")
def keys(emulator: Running, request: pytest.FixtureRequest) -> Iterator[Keys]:
    """Keys in a ring of this file's own: a ring stays."""
    ring = request.path.stem.replace("_", "-")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.env.items():
            patch.setenv(name, value)
        file = str(emulator.credentials_file("owner"))
        credentials = Credentials.from_authorized_user_file(file, scopes=[CLOUD_PLATFORM])  # type: ignore[no-untyped-call]
        yield Keys(api=GoogleApi(credentials), ring=ring)


@pytest.fixture
def there(
    through_gateway: Running,
    keys: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[There]:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    bucket = storage.Client(project="primus").create_bucket(f"models-{abs(hash(request.node.nodeid)):x}")
    model = tmp_path / "model"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "data").write_bytes(bytes(range(256)) * (3 << 12))
    mine = left_by_init(tmp_path / "mine", model, bucket.name)
    yield There(keys=keys, key=keys.new(), bucket=bucket, mine=mine)
    write_faults(through_gateway.folder, Faults())


@pytest.fixture
def protect(ask: Ask, there: There) -> Callable[..., Answered]:
    return lambda *options: ask("owner", "protect", there.mine, *options)


@pytest.fixture
def rotate(ask: Ask, there: There) -> Callable[..., Answered]:
    return lambda *options: ask("owner", "rotate", there.mine, *options)


Run = Callable[..., Answered]
