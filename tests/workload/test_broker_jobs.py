"""Whole jobs whose model's key a broker releases, reached through the emulator's gateway as by a network."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from attestation.digests import Digest
from attestation.errors import ExitCode
from contract.dsse import public_key_of
from contract.receipt import parse_receipt, parse_statement
from contract.release_refusals import REFUSALS
from contract.terms import parse_terms, render_terms
from emulator import running
from emulator.faults import Faults, trouble, write_faults
from symbolon.auditor.receipt_plan import Demand, Step, Verified, verify_receipt
from symbolon.auditor.receipt_roots import Trust
from tests.launches import DIGEST
from tests.sealed_models import Sealed, sealed
from tests.workload.broker_stage import LICENCE, ServerKey, SmallBroker
from tests.workload.canaries import KEY
from tests.workload.fault_table import ALWAYS
from tests.workload.jobs import Job, Stage
from tests.workload.samples import FACTS, picture

NAME = "broker.primus.example"
OTHER = Digest("sha256:" + "0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An emulator whose gateway tunnels to a small broker."""

    emulator: running.Running
    server_key: ServerKey
    port: int


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    emulator = running.start(folder / "emulator", routes={NAME: port})
    yield Home(emulator=emulator, server_key=ServerKey(folder), port=port)
    emulator.stop()


@pytest.fixture(scope="module")
def emulator(home: Home) -> running.Running:
    return home.emulator


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """An owner with a broker, and a model that lies sealed."""

    stage: Stage
    broker: SmallBroker
    sealed: Sealed

    def job(self, *pins: Digest, licence: str | None = LICENCE, runtime: str = "openvino", **job: Any) -> Job:
        """A job under that licence, by the runtime that starts soonest."""
        environment = dict(job.pop("environment", {}))
        if licence is not None:
            environment["LICENCE"] = licence

        def edit(text: str) -> str:
            terms = parse_terms(text.replace('"tensorflow"', f'"{runtime}"'))
            manifest = f"{terms.model.uri.name}.manifest.json"
            self.stage.models.blob(manifest).upload_from_string(self.sealed.manifest)
            return render_terms(replace(terms, release=self.broker.terms(f"https://{NAME}", *pins)))

        return self.stage.job(uploaded=self.sealed.stream, edit=edit, environment=environment, **job)


@pytest.fixture
def there(home: Home, stage: Stage) -> Iterator[There]:
    it = sealed(stage.model, key=KEY.encode())
    broker = SmallBroker(
        server_key=home.server_key,
        root=stage.verifier.root,
        manifest=it.digest,
        data_key=KEY.encode(),
        port=home.port,
    )
    with broker.serving():
        yield There(stage=stage, broker=broker, sealed=it)


def test_a_released_model_runs_and_its_receipt_shows_the_release(there: There) -> None:
    job = there.job()
    asked = {
        "INPUT_URI": f"gs://{there.stage.photos.name}/one",
        "RESULT_URI": job.result_uri,
        "LICENCE": LICENCE,
    }
    job.facts = replace(FACTS, env={"PATH": "/usr/bin", **asked}, env_override=asked)
    ended = job.run()
    assert (ended.status, ended.errors) == (ExitCode.YES, ""), ended.lines
    assert sorted(ended.written) == ["job.json", "receipt.json", "result", "result-00000.jsonl"]
    receipt = ended.written["receipt.json"].encode()
    assert there.broker.reported == [receipt]
    (request,) = there.broker.requests
    assert (request.pictures, request.licence) == (1, LICENCE)
    statement = parse_statement(parse_receipt(receipt).payload)
    assert statement.release is not None
    assert statement.release.logged.entry == there.broker.leaves[0]
    demand = Demand(
        trust=Trust(root=there.stage.verifier.root, described="the emulator's", emulator=True),
        at=time.time(),
        image_digest=DIGEST,
        broker_key=public_key_of(there.broker.identity),
    )
    verdict = verify_receipt(receipt, demand)
    assert isinstance(verdict.answer, Verified), verdict.answer
    assert "entry 0 of the log" in next(each.said for each in verdict.steps if each.step == Step.RELEASE)
    said = json.dumps(ended.lines)
    assert KEY not in said
    assert KEY.encode().hex() not in said


def test_three_runs_are_licensed_and_the_fourth_is_refused(there: There) -> None:
    there.broker.runs = 3
    for _ in range(3):
        assert there.job().run().status == ExitCode.YES
    ended = there.job().run()
    assert (ended.status, ended.error.code) == (ExitCode.REFUSED, "licence-used-up")
    assert ended.written.keys() == {"error.json"}
    assert there.broker.released == len(there.broker.leaves) == 3


def test_a_finished_job_that_is_started_again_asks_for_no_run(there: There) -> None:
    job = there.job()
    assert job.run().status == ExitCode.YES
    assert job.run().status == ExitCode.YES
    assert there.broker.released == 1


REFUSED = [
    ("licence-of-another", 4, "denied"),
    ("licence-expired", 4, "denied"),
    ("licence-used-up", 4, "denied"),
    ("licence-revoked", 4, "denied"),
    ("too-many-at-once", 4, "denied"),
    ("broker-token-too-old", 4, "evidence-rejected"),
    ("database-unavailable", 5, "unavailable"),
]


@pytest.mark.parametrize(("code", "status", "family"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refusal_of_the_broker_is_the_job_s_with_its_code(
    there: There, code: str, status: int, family: str
) -> None:
    there.broker.refuses, there.broker.always = {"release": [code]}, frozenset({"release"})
    ended = there.job(hasty=True).run()
    assert ended.status == status
    assert ended.written.keys() == {"error.json"}
    assert (ended.error.code, ended.error.family) == (code, family)
    assert ended.error.message == REFUSALS[code].message
    assert there.broker.leaves == []


def test_a_server_with_another_key_is_told_nothing(there: There) -> None:
    ended = there.job(OTHER, hasty=True).run()
    assert (ended.status, ended.error.code) == (ExitCode.REFUSED, "broker-not-pinned")
    assert there.broker.called == []


def test_a_broker_that_is_away_is_said_to_be_and_the_job_may_be_started_again(
    home: Home, stage: Stage
) -> None:
    it = sealed(stage.model, key=KEY.encode())
    broker = SmallBroker(
        server_key=home.server_key, root=stage.verifier.root, manifest=it.digest, data_key=KEY.encode()
    )
    away = There(stage=stage, broker=broker, sealed=it)
    ended = away.job(hasty=True).run()
    assert (ended.status, ended.error.code) == (ExitCode.UNAVAILABLE, "broker-unreachable")
    assert NAME in ended.error.message


@pytest.mark.parametrize(
    ("licence", "said"),
    [(None, "LICENCE is not set"), ("mine", "LICENCE `mine` is not the name of a licence")],
)
def test_a_job_without_a_licence_s_name_does_not_begin(there: There, licence: str | None, said: str) -> None:
    ended = there.job(licence=licence, hasty=True).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert ended.error.message.startswith(said)
    assert there.broker.called == []


def test_an_answer_that_was_lost_costs_no_second_run(there: There) -> None:
    there.broker.loses = 1
    assert there.job().run().status == ExitCode.YES
    assert (there.broker.released, there.broker.called.count("repeated")) == (1, 1)


def test_a_report_that_is_refused_is_a_warning_and_the_job_is_done(there: There) -> None:
    there.broker.refuses = {"report": ["report-rejected"]}
    ended = there.job().run()
    assert ended.status == ExitCode.YES
    assert [line["code"] for line in ended.lines if line["severity"] == "WARNING"] == ["report-rejected"]


@pytest.fixture
def long_folder(there: There) -> Iterator[str]:
    """Forty pictures, two parts; the last picture does not arrive while a test lasts."""
    stage, folder = there.stage, "forty"
    for number in range(40):
        stage.photos.blob(f"{folder}/{number:02}.png").upload_from_string(picture((number, 0, 0)))
    write_faults(stage.emulator.folder, trouble("read", "hang", times=ALWAYS, of=f"{folder}/39.png"))
    yield folder
    write_faults(stage.emulator.folder, Faults())


@pytest.mark.parametrize("code", ["licence-revoked", "licence-expired"])
def test_a_licence_that_is_taken_back_ends_the_job_at_its_next_renewal(
    there: There, long_folder: str, code: str
) -> None:
    """What was written stays, and nothing more is."""
    there.broker.lease_s = 6
    there.broker.refuses = {"renew": [code]}
    ended = there.job(environment={"INPUT_URI": f"gs://{there.stage.photos.name}/{long_folder}"}).run()
    assert (ended.status, ended.error.code) == (ExitCode.REFUSED, code), ended.lines
    assert sorted(ended.written) == ["error.json", "job.json", "result-00000.jsonl"]
    assert there.broker.called.count("renew") == 1
    assert there.broker.reported == []


def test_a_lease_is_renewed_as_long_as_the_job_lasts(there: There, long_folder: str) -> None:
    there.broker.lease_s = 4
    job = there.job(environment={"INPUT_URI": f"gs://{there.stage.photos.name}/{long_folder}"})
    with job.started() as process:
        deadline = time.monotonic() + 60
        while there.broker.called.count("renew") < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        write_faults(there.stage.emulator.folder, Faults())
        output, errors = process.communicate(timeout=60)
    ended = job.ended(process.returncode, output, errors)
    assert ended.status == ExitCode.YES, ended.lines
    assert there.broker.called.count("renew") >= 2
    assert there.broker.released == 1


def test_a_broker_that_goes_away_ends_the_job_with_its_lease(there: There, long_folder: str) -> None:
    there.broker.lease_s = 6
    there.broker.refuses = {"renew": ["database-unavailable"]}
    there.broker.always = frozenset({"renew"})
    job = there.job(environment={"INPUT_URI": f"gs://{there.stage.photos.name}/{long_folder}"})
    ended = job.run()
    assert (ended.status, ended.error.code) == (ExitCode.REFUSED, "lease-ended"), ended.lines
    assert "result-00000.jsonl" in ended.written
