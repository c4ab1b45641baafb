"""Whole jobs in front of the broker that an owner runs: its own process, reached as by a network."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.digests import Digest, digest_of
from attestation.errors import ExitCode
from contract.licence import sign_licence
from contract.model_keys import render_model_key, seal_model_key
from contract.orders import render_revocation
from contract.receipt import parse_receipt, parse_statement
from contract.release_terms import ReleaseTerms
from contract.terms import parse_terms, render_terms
from emulator import running
from emulator.faults import Faults, trouble, write_faults
from symbolon.__main__ import main
from tests.launches import DIGEST
from tests.release.brokers import OWNER, licence_of, policy_text
from tests.release.served import Served, make_served
from tests.sealed_models import Sealed, sealed
from tests.workload.canaries import KEY
from tests.workload.fault_table import ALWAYS
from tests.workload.jobs import Ended, Job, Stage
from tests.workload.launching import verifier_of
from tests.workload.samples import FACTS, picture

NAME = "broker.primus.example"
MODEL, VERSION = "lite0.tar", 3
CONDITION = f"assertion.submods.container.image_digest == '{DIGEST}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An emulator, and the owner's broker behind its gateway."""

    emulator: running.Running
    broker: Served


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    emulator = running.start(folder / "emulator", routes={NAME: port})
    root = folder / "emulator.pem"
    root.write_bytes(verifier_of(emulator).root.public_bytes(Encoding.PEM))
    broker = make_served(folder, arguments=("--emulator", str(root), "--address", f"127.0.0.1:{port}"))
    broker.start()
    broker.order("policy", policy_text(CONDITION))
    yield Home(emulator=emulator, broker=broker)
    if broker.process is not None:
        broker.stop()
    emulator.stop()


@pytest.fixture(scope="module")
def emulator(home: Home) -> running.Running:
    return home.emulator


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """An owner whose model lies sealed, and whose broker has its key."""

    stage: Stage
    broker: Served
    sealed: Sealed

    def job(self, licence: str, folder: str = "one") -> Job:
        address = ReleaseTerms(
            manifest=self.sealed.digest,
            broker=f"https://{NAME}",
            broker_key=self.broker.key.text,
            broker_pins=tuple(Digest(f"sha256:{pin}") for pin in self.broker.pins),
        )

        def edit(text: str) -> str:
            terms = parse_terms(text.replace('"tensorflow"', '"openvino"'))
            manifest = f"{terms.model.uri.name}.manifest.json"
            self.stage.models.blob(manifest).upload_from_string(self.sealed.manifest)
            return render_terms(replace(terms, release=address))

        asked = {"INPUT_URI": f"gs://{self.stage.photos.name}/{folder}", "LICENCE": licence}
        job = self.stage.job(uploaded=self.sealed.stream, edit=edit, environment=asked)
        asked = {**asked, "RESULT_URI": job.result_uri}
        job.facts = replace(FACTS, env={"PATH": "/usr/bin", **asked}, env_override=asked)
        return job

    def sell(self, number: int, **bounds: Any) -> tuple[str, bytes]:
        """A licence is issued: its name, and what was signed."""
        name, now = f"{number:032x}", int(time.time())
        licence = licence_of(
            id=name, model_id=MODEL, images=(DIGEST,), starts_at=now - 60, issued_at=now, **bounds
        )
        signed = sign_licence(licence, OWNER)
        self.broker.order("licence", signed)
        return name, signed


@pytest.fixture(scope="module")
def there(home: Home, stage: Stage) -> There:
    it, broker = sealed(stage.model, key=KEY.encode()), home.broker
    intake = bytes.fromhex(str(broker.query("state")["intake"]))
    handed = seal_model_key(
        it.key, intake=intake, broker=broker.digest, manifest=it.digest, model_id=MODEL, version=VERSION
    )
    broker.order("model", render_model_key(handed))
    return There(stage=stage, broker=broker, sealed=it)


def done(ended: Ended) -> None:
    assert (ended.status, ended.errors) == (ExitCode.YES, ""), ended.lines


def refused(ended: Ended, code: str) -> None:
    assert (ended.status, ended.error.code) == (ExitCode.REFUSED, code), ended.lines
    assert ended.error.hint


def test_two_runs_are_licensed_the_third_is_refused_and_a_revoked_one_stays_refused(
    there: There, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, signed = there.sell(1, runs=2)
    first = there.job(name)
    ended = first.run()
    done(ended)
    done(there.job(name).run())
    refused(there.job(name).run(), "licence-used-up")

    receipt = tmp_path / "receipt.json"
    receipt.write_text(ended.written["receipt.json"])
    root = tmp_path / "root.pem"
    root.write_bytes(there.stage.verifier.root.public_bytes(Encoding.PEM))
    typed = ["auditor", "receipt", "verify", str(receipt), "--image-digest", DIGEST, "--emulator"]
    capsys.readouterr()
    code = main([*typed, "--root", str(root), "--broker-key", there.broker.key.text, "--format", "json"])
    said = json.loads(capsys.readouterr().out)
    assert (code, said["verdict"]) == (ExitCode.YES, "verified"), said
    step = next(each for each in said["steps"] if each["step"] == "release")
    assert there.broker.digest in step["said"]
    assert KEY not in json.dumps(ended.lines) + there.broker.errors.read_text()

    there.broker.order("revoke", render_revocation(name), old=digest_of(signed))
    refused(there.job(name).run(), "licence-revoked")


def test_a_stranger_s_licence_is_refused_by_its_code(there: There) -> None:
    refused(there.job("f" * 32).run(), "licence-unknown")


def test_pictures_that_were_not_run_come_back_with_the_receipt(there: There) -> None:
    """One is reserved and run; three more are too many where three are left."""
    name, _ = there.sell(2, pictures=3)
    done(there.job(name).run())
    for number in range(3):
        there.stage.photos.blob(f"three/{number}.png").upload_from_string(picture((number, 9, 9)))
    ended = there.job(name, "three").run()
    refused(ended, "pictures-used-up")


def test_a_job_is_told_that_the_broker_has_its_report(there: There) -> None:
    name, _ = there.sell(3, at_once=1)
    for _ in range(2):  # the second may run, as the first has reported
        ended = there.job(name).run()
        done(ended)
        assert "the broker knows that the job is done" in [line["message"] for line in ended.lines]


def test_a_licence_that_is_revoked_while_a_job_runs_ends_it_within_its_lease(there: There) -> None:
    stage, broker = there.stage, there.broker
    name, signed = there.sell(4, lease_s=60)
    for number in range(40):
        stage.photos.blob(f"forty/{number:02}.png").upload_from_string(picture((number, 0, 0)))
    write_faults(stage.emulator.folder, trouble("read", "hang", times=ALWAYS, of="forty/39.png"))
    try:
        job = there.job(name, "forty")
        with job.started() as process:
            deadline = time.monotonic() + 60
            while not _part_is_there(job) and time.monotonic() < deadline:
                time.sleep(0.2)
            broker.order("revoke", render_revocation(name), old=digest_of(signed))
            output, errors = process.communicate(timeout=90)
        refused(ended := job.ended(process.returncode, output, errors), "licence-revoked")
    finally:
        write_faults(stage.emulator.folder, Faults())
    assert sorted(ended.written) == ["error.json", "job.json", "result-00000.jsonl"]


def _part_is_there(job: Job) -> bool:
    found = job.stage.operator.list_blobs(job.stage.results, prefix=f"{job.name}/result-")
    return any(True for _ in found)


def test_what_a_receipt_says_of_its_release_is_what_the_broker_logged(there: There) -> None:
    name, _ = there.sell(5)
    ended = there.job(name).run()
    done(ended)
    statement = parse_statement(parse_receipt(ended.written["receipt.json"].encode()).payload)
    assert statement.release is not None
    opening = json.loads(statement.release.logged.opening)
    assert opening["said"]["licence"] == name
    assert opening["said"]["instance"] == FACTS.instance_id
