"""`symbolon owner protect --seal broker=URL`: the model lies sealed, and its key is the broker's alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud import storage
from sqlalchemy import select

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, ExitCode
from contract.dsse import public_key_of
from contract.release_terms import ReleaseTerms
from contract.sealed_model import open_manifest
from contract.sealed_stream import Stream
from emulator.running import Running
from release.broker import model_context
from release.store.engine import reading
from release.store.schema import models
from symbolon.owner import protect_sealed as program
from symbolon.owner.desk import Desk
from symbolon.owner.packing import packing_of
from tests.sealed_models import opened
from tests.symbolon.conftest import Answered
from tests.symbolon.owner.shops import PINS, URL, Shop
from tests.symbolon.owner.test_protect import left_by_init, terms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """An owner with a bucket, a broker, and what `owner init` left."""

    shop: Shop
    bucket: storage.Bucket
    mine: Path

    @property
    def release(self) -> ReleaseTerms:
        release = terms_of(self.mine).release
        assert release is not None
        return release

    def read(self, suffix: str = "") -> bytes:
        data: bytes = self.bucket.blob(f"model.tar{suffix}").download_as_bytes()
        return data

    def generations(self) -> dict[str, int]:
        return {blob.name: int(blob.generation) for blob in self.bucket.list_blobs()}

    def held(self) -> dict[Digest, bytes]:
        """The data keys that the broker has, by manifest."""
        master = self.shop.broker.master
        with reading(self.shop.broker.engine) as connection:
            rows = connection.execute(select(models)).all()
        return {
            parse_digest(row.manifest): master.unwrap(row.wrapped, model_context(row.manifest))
            for row in rows
        }


@pytest.fixture
def there(
    through_gateway: Running,
    shop: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[There]:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    bucket = storage.Client(project="primus").create_bucket(f"models-{abs(hash(request.node.nodeid)):x}")
    model = tmp_path / "model"
    model.mkdir()
    (model / "saved_model.pb").write_bytes(b"graph" * 1000)
    yield There(shop=shop, bucket=bucket, mine=left_by_init(tmp_path / "mine", model, bucket.name))


Run = Callable[..., Answered]


@pytest.fixture
def protect(there: There) -> Run:
    return lambda *options: there.shop.owner("protect", there.mine, *options)


def test_the_broker_has_the_key_and_the_bucket_nothing_of_it(protect: Run, there: There) -> None:
    answered = protect("--seal", f"broker={URL}")
    assert answered.code == 0, answered.err
    assert f"{URL} has its key, and releases it under a licence" in answered.out
    release, broker = there.release, there.shop.broker
    assert (release.kms, release.broker) == (None, URL)
    assert release.broker_key == public_key_of(broker.identity).text
    assert release.broker_pins == tuple(f"sha256:{pin}" for pin in PINS)
    assert there.generations().keys() == {"model.tar", "model.tar.manifest.json"}
    plain = packing_of(there.mine.parent / "model", None).open().read()
    manifest = open_manifest(there.read(".manifest.json"), pinned=release.manifest, signed_by=None)
    assert manifest.digest == digest_of(plain)
    ((held, key),) = there.held().items()
    assert held == release.manifest
    stream = Stream(key, header=manifest.header, associated=held, size=manifest.size)
    assert opened(stream, there.read()) == plain


def test_a_second_run_has_nothing_to_do_with_and_without_the_option(protect: Run, there: There) -> None:
    protect("--seal", f"broker={URL}")
    before, text = there.generations(), (there.mine / "terms.toml").read_text()
    for options in ((), ("--seal", f"broker={URL}")):
        answered = protect(*options)
        assert "nothing to do" in answered.out, answered.err
    assert (there.generations(), (there.mine / "terms.toml").read_text()) == (before, text)
    assert len(there.held()) == 1


def test_a_plan_hands_nothing_over(protect: Run, there: There) -> None:
    planned = protect("--seal", f"broker={URL}", "--plan", "--format", "json").json
    assert (planned["terms"]["broker"], planned["terms"]["kms"], planned["done"]) == (URL, None, False)
    assert (there.held(), there.generations()) == ({}, {})


def test_new_pins_change_the_terms_and_seal_nothing_anew(protect: Run, there: There) -> None:
    protect("--seal", f"broker={URL}")
    before, manifest = there.generations(), there.release.manifest
    file = there.mine / "terms.toml"
    file.write_text(file.read_text().replace(PINS[1], "77" * 32))
    answered = protect()
    assert "the broker's address and pins" in answered.out, answered.err
    assert (there.release.manifest, there.generations()) == (manifest, before)
    assert there.release.broker_pins == tuple(f"sha256:{pin}" for pin in PINS)
    assert "nothing to do" in protect().out


def test_a_model_that_the_broker_has_lost_is_sealed_anew(protect: Run, there: There) -> None:
    protect("--seal", f"broker={URL}")
    first = there.release.manifest
    with there.shop.broker.engine.begin() as connection:
        connection.execute(models.delete())
    assert protect().code == 0
    assert there.release.manifest != first
    assert there.held().keys() == {there.release.manifest}


def test_a_key_that_may_order_nothing_uploads_nothing(there: There) -> None:
    answered = there.shop.owner("protect", there.mine, "--seal", f"broker={URL}", key="stranger")
    assert answered.code == ExitCode.REFUSED
    assert (there.generations(), terms_of(there.mine).release) == ({}, None)


def test_a_run_that_was_stopped_before_the_terms_were_written_is_done_anew(
    protect: Run, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(program, "_pin", stopped)
        assert protect("--seal", f"broker={URL}").code == 130
    assert protect("--seal", f"broker={URL}").code == 0
    assert there.release.manifest in there.held()


def test_the_key_that_signs_the_manifest_hands_it_over_as_well(there: There) -> None:
    locked = ("--passphrase-file", "passphrase")
    sealed = there.shop.typed(
        "owner", "protect", there.mine, "--seal", f"broker={URL}", "--sign-with", "anna.pem", *locked
    )
    assert sealed.code == 0, sealed.err
    assert there.release.signed_by is not None
    assert json.loads(there.read(".manifest.json"))["signatures"][0]["keyid"]


@pytest.mark.parametrize("text", ["broker=", "broker=http://broker.example", "broker=nowhere"])
def test_what_is_no_broker_is_said(there: There, text: str) -> None:
    answered: Any = there.shop.owner("protect", there.mine, "--seal", text)
    assert answered.code in (ExitCode.USAGE, ExitCode.MISCONFIGURED)
    assert there.generations() == {}


def test_there_is_no_key_to_rotate_beside_the_model(protect: Run, there: There) -> None:
    protect("--seal", f"broker={URL}")
    answered = there.shop.typed("owner", "rotate", there.mine)
    assert (answered.code, "symbolon broker rotate-master" in answered.err) == (ExitCode.MISCONFIGURED, True)


def desk_that_says(*pages: dict[str, object]) -> Any:
    """A desk whose broker answers one page after the other, and what each was asked for by."""
    told = iter(pages)
    asked: list[str] = []

    def ask(what: str, about: str) -> dict[str, object]:
        asked.append(about)
        return next(told)

    return SimpleNamespace(ask=ask, asked=asked)


def test_a_broker_s_models_are_read_to_the_last_page() -> None:
    desk = desk_that_says(
        {"models": ["sha256:a", "sha256:b"], "more": True}, {"models": ["sha256:c"], "more": False}
    )
    assert list(Desk.models(desk)) == ["sha256:a", "sha256:b", "sha256:c"]
    assert desk.asked == ["", "b"]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({"models": [], "more": True}, id="nothing, and more"),
        pytest.param({"models": ["sha256:a"], "more": True}, id="what was there already"),
        pytest.param({}, id="no list"),
    ],
)
def test_pages_that_lead_nowhere_are_not_followed(page: dict[str, object]) -> None:
    with pytest.raises(EvidenceRejected, match="is not as this program writes it"):
        list(Desk.models(desk_that_says({"models": ["sha256:a"], "more": True}, page)))
