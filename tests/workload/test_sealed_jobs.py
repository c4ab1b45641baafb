"""Whole jobs with a sealed model, in front of the emulator's Cloud KMS: the owner's key opens it for this
image, and for no other."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from attestation.digests import Digest
from attestation.errors import ExitCode
from contract.kms_keys import DECRYPTER, KmsKey
from contract.sealed_model import manifest_uri
from contract.terms import OwnerTerms, parse_terms
from contract.wrapped_keys import render_keys
from deploy.allow_policies import take
from deploy.provisioning import ensure
from deploy.resources import Grant
from emulator import running
from emulator.faults import Faults, Trouble, read_faults, trouble, write_faults
from symbolon.__main__ import main
from symbolon.owner.workplace import HERE, TERMS
from tests.kms_keys import Key, Keys, asked_of
from tests.launches import DIGEST
from tests.sealed_models import sealed
from tests.workload.canaries import BYTES, KEY, LAYER, _forms, marked_environment, marked_model
from tests.workload.fault_table import ALWAYS
from tests.workload.jobs import Job, Stage
from tests.workload.samples import FACTS
from tests.workload.sealed_stage import sealed_job
from tests.workload.test_faults import run
from workload.inference import Step

ANOTHER = Digest("sha256:" + "e" * 64)
OTHER = sealed(b"other")
"""An older model."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    """One of this module's own: no canary was ever handed to it but sealed."""
    started = running.start(tmp_path_factory.mktemp("emulator"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def keys(stage: Stage) -> Keys:
    return Keys(api=stage.owner_api, ring="models")


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """An owner with keys, `key` among them, which this image may ask, and nobody else."""

    stage: Stage
    keys: Keys
    key: Key

    @property
    def member(self) -> str:
        return self.stage.owner.pool.image_member(DIGEST)

    def job(self, **options: Any) -> Job:
        return sealed_job(self.stage, self.key, **options)


@pytest.fixture
def there(stage: Stage, keys: Keys) -> There:
    return There(stage=stage, keys=keys, key=keys.new(stage.owner.pool.image_member(DIGEST)))


def terms_of(job: Job) -> OwnerTerms:
    return parse_terms((job.stage.folder / job.name / "app" / "terms.toml").read_text())


def test_a_sealed_model_runs_and_its_receipt_says_which_manifest_it_was(there: There) -> None:
    """Though Cloud KMS has no room, is away, and then gives an answer that arrives damaged."""
    job = there.job(tensorflow=True)
    troubles = tuple(Trouble(call="kms", how=how) for how in ("429", "503", "corrupt"))
    write_faults(there.stage.emulator.folder, Faults(troubles=troubles))
    ended = job.run()
    assert ended.status == ExitCode.YES, ended.lines
    assert [each.times for each in read_faults(there.stage.emulator.folder).troubles] == [0, 0, 0]
    assert sorted(ended.written) == ["job.json", "receipt.json", "result", "result-00000.jsonl"]
    payload = base64.b64decode(json.loads(ended.written["receipt.json"])["payload"])
    model, terms = json.loads(payload)["predicate"]["model"], terms_of(job)
    assert terms.release is not None
    assert (model["sealed_manifest"], model["digest"]) == (terms.release.manifest, terms.model.sha256)
    assert list(job.scratch.iterdir()) == []


def test_who_asks_is_the_federated_identity_and_no_service_account(there: There) -> None:
    job = there.job()
    there.key.disable(1)  # so that it ends there
    job.run()
    (asked,) = asked_of(there.stage.emulator.folder, there.key.kms, "Decrypt")
    pool = there.stage.owner.pool.name
    assert asked["principal"].startswith(f"principal://iam.googleapis.com/{pool}/subject/")
    assert asked["granted"] is True


def test_storage_that_fails_while_the_model_arrives_is_asked_again(there: There) -> None:
    job = there.job(tensorflow=True)
    write_faults(there.stage.emulator.folder, trouble("read", "503", times=2))
    ended = job.run()
    assert ended.status == ExitCode.YES, ended.lines


def test_a_rotated_key_opens_the_same_stream(
    there: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`owner rotate` rewrites `keys.json` alone; then no older version is needed."""
    job, stage = there.job(tensorflow=True), there.stage
    assert job.run().status == ExitCode.YES
    before = generations(job)
    there.key.rotate()
    (tmp_path / TERMS).write_bytes((stage.folder / job.name / "app" / "terms.toml").read_bytes())
    (tmp_path / HERE).write_text('format = 1\nmodel = "model.tar"\n')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(stage.emulator.credentials_file("owner")))
    assert main(["owner", "rotate", str(tmp_path)]) == 0
    there.key.disable(1)
    after = generations(job)
    assert {name for name in after if after[name] != before[name]} == {f"{job.name}.tar.gz.keys.json"}
    for blob in stage.operator.list_blobs(stage.results, prefix=f"{job.name}/"):
        blob.delete()
    ended = job.run()
    assert ended.status == ExitCode.YES, ended.lines
    asked = asked_of(stage.emulator.folder, there.key.kms, "Decrypt")
    who = [each["principal"].partition(":")[0] for each in asked]
    assert who == ["principal", "owner@primus.example", "principal"]


def generations(job: Job) -> dict[str, int]:
    """Of the three objects of the job's model."""
    found = {blob.name: int(blob.generation) for blob in job.stage.models.list_blobs(prefix=f"{job.name}.")}
    assert manifest_uri(terms_of(job).model.uri).name in found
    return found


def test_neither_the_key_nor_the_model_is_seen_anywhere(
    there: There, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Not in log, row, error, argument or environment, and in no file of a disk, the emulator's included.

    The job ends well; without the key; with the key alone, or with the model too, in its memory.
    """
    folder, ir = tmp_path_factory.mktemp("marked"), tmp_path_factory.mktemp("ir")
    stage = Stage(there.stage.emulator, folder, marked_model(ir))
    given = marked_environment(stage.emulator.env["HTTPS_PROXY"])
    kinds: dict[str, tuple[ExitCode, dict[str, Any]]] = {
        "it runs": (ExitCode.YES, {}),
        "the stream is damaged": (ExitCode.REFUSED, {"stored": _last_byte_flipped}),
        "the terms name an input that it has not": (
            ExitCode.MISCONFIGURED,
            {"edit": lambda terms: _openvino(terms).replace('tensor = "images"', 'tensor = "absent"')},
        ),
        "the key is disabled": (ExitCode.MISCONFIGURED, {}),
    }
    for kind, (status, options) in kinds.items():
        job = sealed_job(
            stage,
            there.key,
            environment={"INPUT_URI": f"gs://{stage.photos.name}/one", **given},
            facts=replace(FACTS, env=given, env_override=given),
            **{"edit": _openvino, **options},
        )
        if kind == "the key is disabled":
            there.key.disable(1)
        watched = run(job)
        assert watched.ended.status == status, (kind, watched.ended.lines)
        assert watched.leaks == [], kind
        assert list(job.scratch.iterdir()) == []
    files = [path for disk in (folder, stage.emulator.folder) for path in disk.rglob("*")]
    read = {path: path.read_bytes() for path in files if path.is_file()}
    marks = [form.encode() for secret in (KEY, BYTES, LAYER) for _, form in _forms(secret)]
    marks.append(stage.model[1000:1064])  # of the archive as it is packed
    assert [path for path, data in read.items() for mark in marks if mark in data] == []


def _openvino(terms: str) -> str:
    return terms.replace('"tensorflow"', '"openvino"')


def _last_byte_flipped(stream: bytes) -> bytes:
    return stream[:-1] + bytes([stream[-1] ^ 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is wrong before the model is sealed, or after it, and how the job ends."""

    job: Callable[[There], dict[str, Any]] = lambda _: {}
    then: Callable[[There], object] = lambda _: None
    status: ExitCode
    says: str
    hint: str


def _bound_to(digest: Digest | None) -> Callable[[There], None]:
    def bind(there: There) -> None:
        there.key.bind(*([] if digest is None else [there.stage.owner.pool.image_member(digest)]))

    return bind


def _wrong(*troubles: Trouble) -> Callable[[There], None]:
    return lambda there: write_faults(there.stage.emulator.folder, Faults(troubles=troubles))


def _no_such_key(there: There) -> dict[str, Any]:
    absent = there.keys.name("absent")
    return {"named": absent, "opens": absent}


MISSING = "`cloudkms.cryptoKeyVersions.useToDecrypt` is missing on `projects/primus/"
GRANT = "gcloud kms keys add-iam-policy-binding "
ROWS: dict[str, Row] = {
    "the binding is on another digest": Row(
        then=_bound_to(ANOTHER),
        status=ExitCode.REFUSED,
        says=MISSING,
        hint=f"/attribute.image_digest/{DIGEST} --role={DECRYPTER}",
    ),
    "nobody is bound": Row(then=_bound_to(None), status=ExitCode.REFUSED, says=MISSING, hint=GRANT),
    "there is no such key": Row(
        job=_no_such_key, status=ExitCode.REFUSED, says="or there is no such key", hint=GRANT
    ),
    "the key is another project's": Row(
        job=lambda _: {"named": KmsKey(project="secundus", location="global", ring="r", key="k")},
        status=ExitCode.MISCONFIGURED,
        says="`keys.json` has nothing that `projects/secundus/",
        hint="symbolon owner rotate --add projects/secundus/",
    ),
    "the version is disabled": Row(
        then=lambda there: there.key.disable(1),
        status=ExitCode.MISCONFIGURED,
        says="/cryptoKeyVersions/1 is not enabled, current state is: DISABLED",
        hint="enables or restores that version: gcloud kms keys versions list --key=lite",
    ),
    "the version is to be destroyed": Row(
        then=lambda there: there.key.destroy(1),
        status=ExitCode.MISCONFIGURED,
        says="current state is: DESTROY_SCHEDULED",
        hint="enables or restores that version",
    ),
    "another key wrapped it": Row(
        job=lambda there: {"named": (other := there.keys.new(there.member).kms), "opens": other},
        status=ExitCode.REFUSED,
        says="does not open what `keys.json` has for it",
        hint="restores `keys.json`",
    ),
    "it was wrapped for another manifest": Row(
        job=lambda _: {"wrapped_for": OTHER.digest},
        status=ExitCode.REFUSED,
        says="it was wrapped for another manifest, or altered",
        hint="restores `keys.json`",
    ),
    "keys.json is of another manifest": Row(
        job=lambda _: {"replaced": {"keys.json": render_keys(OTHER.digest, ())}},
        status=ExitCode.REFUSED,
        says=f"belongs to the manifest `{OTHER.digest}`",
        hint="the owner restores the one of",
    ),
    "an older model was put back": Row(
        job=lambda _: {"replaced": {"manifest.json": OTHER.manifest}},
        status=ExitCode.REFUSED,
        says=f"manifest is `{OTHER.digest}`, not the one that this image was published for",
        hint="the owner restores the model whose manifest is",
    ),
    "a byte of the stream is another": Row(
        job=lambda _: {"stored": _last_byte_flipped},
        status=ExitCode.REFUSED,
        says="segment",
        hint="the owner",
    ),
    "the stream is cut short": Row(
        job=lambda _: {"stored": lambda stream: stream[:-1]},
        status=ExitCode.REFUSED,
        says="bytes",
        hint="the owner",
    ),
    "every answer has a wrong checksum": Row(
        then=_wrong(Trouble(call="kms", how="corrupt", times=ALWAYS)),
        status=ExitCode.UNAVAILABLE,
        says="what `cloudkms.googleapis.com` answers arrives damaged",
        hint="start the job again",
    ),
    "Cloud KMS stays unavailable": Row(
        then=_wrong(Trouble(call="kms", how="503", times=ALWAYS)),
        status=ExitCode.UNAVAILABLE,
        says="`cloudkms.googleapis.com` answers 503",
        hint="start the job again",
    ),
    "Cloud KMS does not answer": Row(
        then=_wrong(Trouble(call="kms", how="reset", times=ALWAYS)),
        status=ExitCode.UNAVAILABLE,
        says="`cloudkms.googleapis.com` cannot be reached",
        hint="start the job again",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_refused_job_says_so_in_one_line_and_leaves_nothing_behind(there: There, row: Row) -> None:
    job = there.job(**row.job(there))
    job._unpack_image()
    row.then(there)
    ended = job.run()
    assert ended.status == row.status, ended.lines
    assert (row.says in ended.error.message, row.hint in ended.error.hint) == (True, True), ended.error
    assert "\n" not in ended.error.message
    assert sorted(ended.written) == ["error.json"]
    assert list(job.scratch.iterdir()) == []
    assert len([line for line in ended.lines if line["severity"] == "ERROR"]) == 1
    assert ended.errors == ""
    assert not [line for line in ended.lines if line.get("step") in (Step.VERIFY, Step.LOAD)]


def test_a_key_that_is_gone_is_named_to_whoever_may_know(there: There) -> None:
    """Who has the role on the whole project is told 404, not 403."""
    project, member = there.stage.owner.service_account.project, there.member
    grant = Grant(on=project, role=DECRYPTER, member=member)
    ensure(there.stage.owner_api, grant)
    try:
        ended = there.job(**_no_such_key(there)).run()
    finally:
        take(there.stage.owner_api, grant)
    assert ended.status == ExitCode.MISCONFIGURED, ended.lines
    assert "cryptoKeys/absent` does not exist" in ended.error.message
    assert "release.kms" in ended.error.hint
