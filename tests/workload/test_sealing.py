"""A whole job ends with a receipt, which an auditor verifies who was not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pytest
from google.cloud import storage

from attestation.digests import Digest, digest_of
from attestation.errors import ExitCode
from attestation.tokens import parse_token
from contract.receipt import parse_receipt, parse_statement
from contract.request import agree, parse_request
from contract.uris import FolderUri
from emulator import running
from symbolon.auditor.receipt_plan import Demand, NotVerified, Step, Verified, verify_receipt
from symbolon.auditor.receipt_roots import GOOGLE, Trust
from tests.launches import DIGEST
from tests.workload.jobs import Ended, Job, Stage
from tests.workload.launching import launched, verifier_of
from tests.workload.samples import FACTS, TERMS, picture
from tests.workload.test_results import record
from workload import attesting, sealing
from workload.beginning import Begun
from workload.claiming import FolderTaken
from workload.leaves import Leaves
from workload.results import ResultFolder
from workload.sealing import Done

Buckets = Callable[[], storage.Bucket]


class Written:
    """The objects that a job has written, as a folder."""

    def __init__(self, written: dict[str, str]) -> None:
        self._written = written

    def names(self) -> Iterable[str]:
        return self._written

    def open(self, name: str) -> IO[bytes] | None:
        return BytesIO(self._written[name].encode()) if name in self._written else None


@pytest.fixture(scope="module")
def job(stage: Stage) -> Job:
    """Of 40 pictures, one of which cannot be read, and some objects that are none."""
    for number in range(39):
        stage.photos.blob(f"sealed/{number:02}.png").upload_from_string(picture((number, 0, 0)))
    for name in ("sealed/40.png", "sealed/notes.txt", "sealed/deeper/"):
        stage.photos.blob(name).upload_from_string(b"no picture")
    asked = {"INPUT_URI": f"gs://{stage.photos.name}/sealed", "TOP_K": "2"}
    job = stage.job(environment=asked, tensorflow=True)
    asked["RESULT_URI"] = job.result_uri
    job.facts = replace(FACTS, env={"PATH": "/usr/bin", **asked}, env_override=asked)
    return job


@pytest.fixture(scope="module")
def ended(job: Job) -> Ended:
    ended = job.run()
    assert ended.status == ExitCode.YES, ended.lines
    return ended


@pytest.fixture(scope="module")
def demand(stage: Stage, ended: Ended) -> Demand:
    """What an auditor asks who has the image's digest, the results and the emulator's root."""
    sealed_at = parse_token(parse_receipt(ended.written["receipt.json"].encode()).token).claims["iat"]
    assert isinstance(sealed_at, int)
    return Demand(
        trust=Trust(root=stage.verifier.root, described="the emulator's", emulator=True),
        at=sealed_at,
        image_digest=DIGEST,
        results=Written(ended.written),
    )


def test_the_receipt_is_verified_with_its_results(ended: Ended, demand: Demand) -> None:
    verdict = verify_receipt(ended.written["receipt.json"].encode(), demand)
    assert verdict.answer == Verified(emulator=True), verdict.steps


def test_the_statement_says_what_ran_on_what_and_what_came_of_it(
    stage: Stage, job: Job, ended: Ended, demand: Demand
) -> None:
    statement = parse_statement(parse_receipt(ended.written["receipt.json"].encode()).payload)
    model = stage.models.get_blob(f"{job.name}.tar.gz")
    assert model is not None
    terms = (stage.folder / job.name / "app" / "terms.toml").read_bytes()
    assert statement.mode == "emulator"
    assert (statement.image_digest, statement.image_reference) == (DIGEST, FACTS.image_reference)
    assert statement.model_uri == f"gs://{stage.models.name}/{job.name}.tar.gz"
    assert statement.model_generation == model.generation
    assert statement.model_digest == digest_of(stage.model)
    assert statement.terms_digest == digest_of(terms)
    assert statement.provider == stage.owner.audience
    assert statement.service_account == stage.owner.service_account.email
    assert (statement.input_uri, statement.result_uri) == (
        f"gs://{stage.photos.name}/sealed/",
        job.result_uri,
    )
    assert (statement.top_k, statement.rows.size, statement.unreadable) == (2, 40, 1)
    assert statement.left_out == {"placeholders": 1, "other_names": 1}
    assert statement.began_at <= statement.ended_at <= demand.at + 1
    assert {"numpy", "pillow", "simplejpeg"} <= statement.libraries.keys()
    assert (statement.proxy, statement.private_ca) == (True, True)  # the emulator's
    names = [subject.name for subject in statement.subjects]
    assert names == ["result-00000.jsonl", "result-00001.jsonl", "result"]


def test_a_production_verification_refuses_it(ended: Ended, demand: Demand) -> None:
    """By its root, by what its token says, and by its proxy: each alone."""
    data = ended.written["receipt.json"].encode()
    assert demand.trust.root is not None
    for trust, code in (
        (GOOGLE, "untrusted-root"),
        (Trust(root=demand.trust.root, described="given"), "emulator-evidence"),
    ):
        answer = verify_receipt(data, replace(demand, trust=trust)).answer
        assert isinstance(answer, NotVerified)
        assert answer.why.code == code


@pytest.mark.parametrize("name", ["result-00000.jsonl", "result-00001.jsonl", "result"])
def test_a_result_that_was_edited_is_found(ended: Ended, demand: Demand, name: str) -> None:
    edited = {**ended.written, name: ended.written[name].replace("0.", "1.", 1)}
    assert edited != ended.written
    verdict = verify_receipt(ended.written["receipt.json"].encode(), replace(demand, results=Written(edited)))
    assert [each.step for each in verdict.steps if each.outcome == "fail"] == [Step.RESULTS]


def test_another_image_is_not_the_one_that_sealed(ended: Ended, demand: Demand) -> None:
    other = replace(demand, image_digest=Digest(DIGEST[:-1] + "0"))
    verdict = verify_receipt(ended.written["receipt.json"].encode(), other)
    assert [each.step for each in verdict.steps if each.outcome == "fail"] == [Step.IMAGE]


def test_a_job_that_is_sealed_is_finished(job: Job, ended: Ended) -> None:
    again = job.run()
    assert (again.status, again.written) == (ExitCode.YES, ended.written)
    assert not [line for line in again.lines if line.get("step") in ("fetch", "seal")]


def test_a_job_that_was_stopped_before_it_was_sealed_is_sealed_by_the_next_start(
    stage: Stage, job: Job, ended: Ended, demand: Demand
) -> None:
    """Without fetching the model again, so that its generation is not known to whoever seals."""
    stage.results.blob(f"{job.name}/receipt.json").delete()
    again = job.run()
    assert again.status == ExitCode.YES, again.lines
    assert [line["step"] for line in again.lines if "step" in line] == ["attest", "write", "seal"]
    data = again.written["receipt.json"].encode()
    assert parse_statement(parse_receipt(data).payload).model_generation is None
    assert verify_receipt(data, replace(demand, at=demand.at + 600)).answer == Verified(emulator=True)


def test_whoever_has_lost_the_folder_while_the_token_was_asked_for_seals_nothing(
    as_operator: storage.Client, make_bucket: Buckets, emulator: running.Running, tmp_path: Path
) -> None:
    """A token may take a minute, and more where its service is asked again."""
    bucket, happened = make_bucket(), list[Any]()
    folder = ResultFolder(as_operator, FolderUri(bucket=bucket.name, prefix="run/"))
    request = {"INPUT_URI": "gs://photos", "RESULT_URI": str(folder.uri), "TOP_K": "2"}
    job = agree(TERMS, parse_request(request))
    begun = Begun(folder=folder, record=record(folder), found=None)
    done = Done(unreadable=0, codelab_digest=DIGEST, model_generation=1, began_at=0.0)

    def taken_over() -> None:
        happened.append(list(bucket.list_blobs()))
        raise FolderTaken("another start has it")

    with (
        launched(verifier_of(emulator), FACTS, tmp_path) as machine,
        Leaves() as leaves,
        pytest.MonkeyPatch.context() as patch,
    ):
        ask = attesting.asked_again

        def ask_and_note(*asked: Any, **more: Any) -> str:
            happened.append("a token")
            return ask(*asked, **more)

        patch.setattr(attesting, "asked_again", ask_and_note)
        with pytest.raises(FolderTaken):
            sealing.seal(job, begun, machine, leaves, done, check=taken_over)
    assert happened == ["a token", []]
    assert list(bucket.list_blobs()) == []


def test_the_log_names_the_digest_of_what_was_sealed(ended: Ended) -> None:
    payload = parse_receipt(ended.written["receipt.json"].encode()).payload
    (said,) = [line["message"] for line in ended.lines if line.get("step") == "seal"]
    assert said.endswith(f"`{digest_of(payload)}`")
    assert parse_receipt(ended.written["receipt.json"].encode()).token not in json.dumps(ended.lines)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, (False, False)),
        ({"HTTPS_PROXY": "http://p"}, (True, False)),
        ({"https_proxy": "http://p"}, (True, False)),
        ({"REQUESTS_CA_BUNDLE": "/ca.pem"}, (False, True)),
        ({"HTTPS_PROXY": "", "NO_PROXY": "*"}, (False, False)),
    ],
)
def test_what_stands_between_the_image_and_google_is_said(
    environment: dict[str, str], said: tuple[bool, bool]
) -> None:
    assert sealing._network(environment) == said
