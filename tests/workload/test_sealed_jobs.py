"""Whole jobs with a sealed model: the owner's key in Cloud KMS opens it for this image, and for no other."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from attestation.errors import ExitCode
from contract.kms_keys import parse_kms_key
from contract.terms import ReleaseTerms, parse_terms, render_terms
from contract.wrapped_keys import WrappedKey, render_keys
from emulator.faults import Faults, trouble, write_faults
from tests.kms_stand_in import KEY, StandIn, standing_in
from tests.launches import DIGEST
from tests.sealed_models import sealed
from tests.workload.canaries import _BEARER, _forms
from tests.workload.jobs import Job, Stage
from workload.inference import Step

MARKED_KEY = b"cAnArY-in-the-key-of-the-model.."
KMS = parse_kms_key(KEY, where="it")


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """A stage whose emulator leads to a key."""

    kms: StandIn
    stage: Stage
    env: dict[str, str]

    @property
    def member(self) -> str:
        return self.stage.owner.pool.image_member(DIGEST)

    def job(self, **overrides: Any) -> Job:
        """A job whose model lies sealed.

        `kms` is the key that the terms name, `replaced` has other objects by their suffix, `wrapped_for` is
        the manifest that the key is wrapped for.
        """
        name, replaced = overrides.pop("kms", KEY), overrides.pop("replaced", {})
        it = sealed(self.stage.model, key=MARKED_KEY)
        aad = bytes.fromhex(overrides.pop("wrapped_for", it.digest).removeprefix("sha256:"))
        _, answer = self.kms._encrypt({"plaintext": it.key, "additionalAuthenticatedData": aad})
        entry = WrappedKey(kms=KMS, wrapped=base64.b64decode(answer["ciphertext"]))
        written = {"manifest.json": it.manifest, "keys.json": render_keys(it.digest, (entry,)), **replaced}

        def edit(text: str) -> str:
            terms = parse_terms(text)
            for suffix, data in written.items():
                self.stage.models.blob(f"{terms.model.uri.name}.{suffix}").upload_from_string(data)
            release = ReleaseTerms(manifest=it.digest, kms=name)
            return render_terms(replace(terms, release=release))

        return self.stage.job(uploaded=it.stream, edit=edit, environment=self.env, hasty=True, **overrides)


@pytest.fixture(scope="module")
def _there(tmp_path_factory: pytest.TempPathFactory, model_archive: bytes) -> Iterator[There]:
    with ExitStack() as stack:
        kms, emulator, env = stack.enter_context(standing_in(tmp_path_factory.mktemp("kms")))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in env.items():
            patch.setenv(name, value)
        stage = Stage(emulator, tmp_path_factory.mktemp("jobs"), model_archive)
        yield There(kms=kms, stage=stage, env=env)


@pytest.fixture
def there(_there: There) -> Iterator[There]:
    """Everything in order: this image alone may ask."""
    kms = _there.kms
    kms.allowed = {"encrypt": set(), "decrypt": {_there.member}}
    yield _there
    kms.state_of.clear()
    kms.answers.clear()
    kms.asked.clear()
    kms.wrong_crc = 0


def test_a_sealed_model_runs_and_its_receipt_says_which_manifest_it_was(there: There) -> None:
    there.kms.answers = [(503, {"error": {"status": "UNAVAILABLE"}}), (429, {})]
    job = there.job(tensorflow=True)
    job._unpack_image()
    there.kms.wrong_crc = 1
    ended = job.run()
    assert ended.status == ExitCode.YES, ended.lines
    assert sorted(ended.written) == ["job.json", "receipt.json", "result", "result-00000.jsonl"]
    payload = base64.b64decode(json.loads(ended.written["receipt.json"])["payload"])
    model = json.loads(payload)["predicate"]["model"]
    terms = parse_terms((there.stage.folder / job.name / "app" / "terms.toml").read_text())
    assert terms.release is not None
    assert (model["sealed_manifest"], model["digest"]) == (terms.release.manifest, terms.model.sha256)
    assert list(job.scratch.iterdir()) == []
    assert [verb for verb, *_ in there.kms.asked] == ["decrypt"] * 4
    said = "\n".join([json.dumps(ended.lines), ended.errors, *ended.written.values()])
    assert [how for how, form in _forms(MARKED_KEY.decode()) if form in said] == []
    assert not _BEARER.search(said)


def test_who_asks_is_the_federated_identity_and_no_service_account(there: There) -> None:
    there.kms.answers = [(400, {"error": {"status": "FAILED_PRECONDITION"}})]
    there.job().run()
    ((verb, key, members),) = there.kms.asked
    assert (verb, key) == ("decrypt", KEY)
    assert there.member in members
    assert not [member for member in members if member.startswith("serviceAccount:")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is wrong, and how the job ends."""

    before: Callable[[There], dict[str, Any]]
    status: ExitCode
    says: str
    hint: str


OTHER = sealed(b"other")
"""An older model."""


def _in_state(state: str) -> Callable[[There], dict[str, Any]]:
    return lambda there: {"after": lambda: there.kms.state_of.update({there.kms.primary: state})}


def _answering(*answers: tuple[int, Any], wrong_crc: int = 0) -> Callable[[There], dict[str, Any]]:
    def before(there: There) -> dict[str, Any]:
        there.kms.answers, there.kms.wrong_crc = list(answers), wrong_crc
        return {}

    return before


def _nobody(there: There) -> dict[str, Any]:
    there.kms.allowed["decrypt"] = {"principalSet://somebody-else"}
    return {}


ROWS: dict[str, Row] = {
    "the binding is missing": Row(
        before=_nobody,
        status=ExitCode.REFUSED,
        says="`cloudkms.cryptoKeyVersions.useToDecrypt` is missing on `projects/primus/",
        hint="gcloud kms keys add-iam-policy-binding lite0 --keyring=models --location=europe-west4"
        " --project=primus --member=principalSet://",
    ),
    "the key is another project's": Row(
        before=lambda _: {"kms": KEY.replace("projects/primus", "projects/secundus")},
        status=ExitCode.MISCONFIGURED,
        says="`keys.json` has nothing that `projects/secundus/",
        hint="symbolon owner rotate --add projects/secundus/",
    ),
    "the version is disabled": Row(
        before=_in_state("DISABLED"),
        status=ExitCode.MISCONFIGURED,
        says="current state is: DISABLED",
        hint="enables or restores that version: gcloud kms keys versions list",
    ),
    "the version is destroyed": Row(
        before=_in_state("DESTROYED"),
        status=ExitCode.MISCONFIGURED,
        says="current state is: DESTROYED",
        hint="enables or restores that version",
    ),
    "keys.json is of another manifest": Row(
        before=lambda _: {"replaced": {"keys.json": render_keys(OTHER.digest, ())}},
        status=ExitCode.REFUSED,
        says=f"belongs to the manifest `{OTHER.digest}`",
        hint="the owner restores the one of",
    ),
    "the key was wrapped for another manifest": Row(
        before=lambda _: {"wrapped_for": OTHER.digest},
        status=ExitCode.REFUSED,
        says="it was wrapped for another manifest, or altered",
        hint="restores `keys.json`",
    ),
    "an older model was put back": Row(
        before=lambda _: {"replaced": {"manifest.json": OTHER.manifest}},
        status=ExitCode.REFUSED,
        says=f"manifest is `{OTHER.digest}`, not the one that this image was published for",
        hint="the owner restores the model whose manifest is",
    ),
    "every answer has a wrong checksum": Row(
        before=_answering(wrong_crc=1000),
        status=ExitCode.UNAVAILABLE,
        says="what `cloudkms.googleapis.com` answers arrives damaged",
        hint="start the job again",
    ),
    "Cloud KMS stays unavailable": Row(
        before=_answering(*[(503, {})] * 40),
        status=ExitCode.UNAVAILABLE,
        says="`cloudkms.googleapis.com` answers 503",
        hint="start the job again",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_refused_job_says_so_in_one_line_and_leaves_nothing_behind(there: There, row: Row) -> None:
    overrides = row.before(there)
    after = overrides.pop("after", lambda: None)
    job = there.job(**overrides)
    job._unpack_image()
    after()
    ended = job.run()
    assert ended.status == row.status, ended.lines
    assert (row.says in ended.error.message, row.hint in ended.error.hint) == (True, True), ended.error
    assert "\n" not in ended.error.message
    assert sorted(ended.written) == ["error.json"]
    assert list(job.scratch.iterdir()) == []
    assert len([line for line in ended.lines if line["severity"] == "ERROR"]) == 1
    assert ended.errors == ""
    assert not [line for line in ended.lines if line.get("step") in (Step.VERIFY, Step.LOAD)]


def test_storage_that_fails_while_the_model_arrives_is_asked_again(there: There) -> None:
    write_faults(there.stage.emulator.folder, trouble("read", "503", times=2))
    try:
        ended = there.job(tensorflow=True).run()
    finally:
        write_faults(there.stage.emulator.folder, Faults())
    assert ended.status == ExitCode.YES, ended.lines
