"""Whole jobs, as the launcher runs them: `python -m workload` in front of the emulator, bad input and good.

Every refusal is one line with a hint, has its exit code, is in the operator's `error.json`, loses
no results, and never gets as far as importing TensorFlow (whose place a trap has taken).
"""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from attestation.errors import ExitCode
from contract.results import JobError, parse_error
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import GoogleApi
from deploy.observing import look_up_project
from deploy.provisioning import ensure
from deploy.resources import Grant, owner_of
from emulator import running
from emulator.background import served, unix_listener
from emulator.faults import Faults, write_faults
from emulator.state import State
from emulator.verifier import Verifier
from emulator.vm import teeserver
from policy.launch_claims import LaunchFacts
from tests.launches import DIGEST
from tests.workload.samples import (
    FACTS,
    archive,
    grey_16_bit,
    header_of_a_png,
    jpeg,
    picture,
    sha256,
    terms_text,
)

ROOT = Path(__file__).parents[2]
MAPPING = {
    "google.subject": "assertion.submods.gce.instance_id",
    "attribute.image_digest": "assertion.submods.container.image_digest",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job that has ended: its status, its log lines, and what is in the operator's result folder."""

    status: int
    lines: list[dict[str, Any]]
    errors: str
    written: dict[str, str]

    @property
    def error(self) -> JobError:
        return parse_error(self.written["error.json"])


class Stage:
    """An owner whose model and policy are in place, and an operator with buckets."""

    def __init__(self, emulator: running.Running, folder: Path, model: bytes) -> None:
        self.emulator = emulator
        self.folder = folder
        self.model = model
        self.verifier = Verifier(State(emulator.folder, clock=time.time))
        owner = self.owner_api = self._api("owner")
        self.owner = owner_of(look_up_project(owner, "primus"))
        self.provider = self.owner.provider(
            mapping=MAPPING,
            condition=f"assertion.submods.container.image_digest == '{DIGEST}'",
            allowed_audiences=("https://sts.googleapis.com", f"https:{self.owner.audience}"),
        )
        account, bucket = self.owner.service_account, self.owner.model_bucket
        admitted = self.owner.pool.image_member(DIGEST)
        for resource in (
            account,
            bucket,
            Grant(on=bucket, role="roles/storage.objectViewer", member=account.member),
            self.owner.pool,
            self.provider,
            Grant(on=account, role="roles/iam.workloadIdentityUser", member=admitted),
        ):
            ensure(owner, resource)
        self.models = self._storage("owner", "primus").bucket(bucket.name)
        self.operator = self._storage("operator", "secundus")
        self.photos = self.operator.create_bucket("photos-of-secundus")
        self.results = self.operator.create_bucket("results-of-secundus")
        self.photos.blob("one/cat.png").upload_from_string(picture())
        self._jobs = 0

    def job(self, **overrides: Any) -> Job:
        self._jobs += 1
        return Job(stage=self, name=f"job-{self._jobs}", **overrides)

    def _credentials(self, party: str) -> Credentials:
        file = str(self.emulator.credentials_file(party))
        return Credentials.from_authorized_user_file(file, scopes=[CLOUD_PLATFORM])  # type: ignore[no-untyped-call, no-any-return]

    def _api(self, party: str) -> GoogleApi:
        return GoogleApi(self._credentials(party), sleep=lambda _: None)

    def _storage(self, party: str, project: str) -> storage.Client:
        return storage.Client(project=project, credentials=self._credentials(party))


@dataclass(kw_only=True)
class Job:
    """One job to come: a sound one, but for what a test changes."""

    stage: Stage
    name: str
    model: bytes | None = None
    uploaded: bytes | None = None
    facts: LaunchFacts = FACTS
    token: str | None = None
    socket: bool = True
    edit: Callable[[str], str] = str
    environment: dict[str, str] | None = None
    tensorflow: bool = False

    @property
    def result_uri(self) -> str:
        return f"gs://{self.stage.results.name}/{self.name}/"

    def run(self) -> Ended:
        """The job has ended."""
        with self.started() as process:
            output, errors = process.communicate(timeout=120)
        return self.ended(process.returncode, output, errors)

    def ended(self, status: int, output: str, errors: str) -> Ended:
        return Ended(
            status=status,
            lines=[json.loads(line) for line in output.splitlines()],
            errors=errors,
            written={
                blob.name.removeprefix(f"{self.name}/"): blob.download_as_text()
                for blob in self.stage.operator.list_blobs(self.stage.results, prefix=f"{self.name}/")
            },
        )

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        app, launcher = self._unpack_image(), self.stage.folder / self.name / "launcher"
        launcher.mkdir()
        if self.token is not None:
            (launcher / "attestation_verifier_claims_token").write_text(self.token)
        with ExitStack() as stack:
            if self.socket:
                listener = unix_listener(launcher / "teeserver.sock", mode=0o777)
                stack.enter_context(served(teeserver.make_app(self.stage.verifier, self.facts), listener))
            command = [sys.executable, "-P", str(ROOT / "emulator/vm/bare.py"), str(launcher), "workload"]
            process = subprocess.Popen(
                command, cwd=app, env=self._environment(), text=True, stdout=-1, stderr=-1
            )
            try:
                yield process
            finally:
                process.kill()
                process.communicate()

    def _unpack_image(self) -> Path:
        """`/app` of the image: our own two packages, and the owner's terms."""
        app = self.stage.folder / self.name / "app"
        app.mkdir(parents=True)
        for room in ("attestation", "contract", "workload"):
            (app / room).symlink_to(ROOT / room)
        if not self.tensorflow:
            (app / "tensorflow").mkdir()
            (app / "tensorflow" / "__init__.py").write_text("raise AssertionError('nor its Python')\n")
            (app / "tensorflow" / "libtensorflow_cc.so.2").write_text("a refused job needs no TensorFlow")
        model = self.stage.model if self.model is None else self.model
        self.stage.models.blob(f"{self.name}.tar.gz").upload_from_string(self.uploaded or model)
        terms = terms_text(sha256=sha256(model))
        terms = terms.replace("primus-models/model.tar.gz", f"{self.stage.models.name}/{self.name}.tar.gz")
        for line in terms.splitlines():
            if line.startswith("audience"):
                terms = terms.replace(line, f'audience = "{self.stage.owner.audience}"')
        terms = terms.replace("reader@primus.iam.gserviceaccount.com", self.stage.owner.service_account.email)
        (app / "terms.toml").write_text(self.edit(terms))
        return app

    def _environment(self) -> dict[str, str]:
        scratch = self.stage.folder / self.name / "scratch"
        scratch.mkdir()
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(scratch),
            "GOOGLE_CLOUD_PROJECT": "secundus",
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.stage.emulator.credentials_file("operator")),
            **self.stage.emulator.env,
            "INPUT_URI": f"gs://{self.stage.photos.name}/one",
            "RESULT_URI": self.result_uri,
            **(self.environment or {}),
        }


@pytest.fixture(scope="module")
def stage(
    emulator: running.Running, tmp_path_factory: pytest.TempPathFactory, model_archive: bytes
) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.env.items():
            patch.setenv(name, value)
        yield Stage(emulator, tmp_path_factory.mktemp("jobs"), model_archive)


@pytest.fixture(autouse=True)
def _platform_in_order(emulator: running.Running) -> Iterator[None]:
    yield
    write_faults(emulator.folder, Faults())


PICTURES = {
    "cat.png": picture((255, 0, 0)),
    "empty.jpg": b"",
    "letter.jpg": b"Dear Sir or Madam,",
    "cut.jpg": jpeg()[:-20],
    "cmyk.jpg": jpeg("CMYK"),
    "deep.png": grey_16_bit(),
    "moving.gif": picture((0, 255, 0), format="GIF"),
    "huge.png": header_of_a_png(20_000, 20_000),
    "grün 😀 \u2028.PNG": picture((0, 255, 0)),
}


def test_a_job_ends_well_though_sts_failed_twice_and_half_the_pictures_are_bad(stage: Stage) -> None:
    for name, data in PICTURES.items():
        stage.photos.blob(f"many/{name}").upload_from_string(data)
    write_faults(stage.emulator.folder, Faults(sts_unavailable=2))
    environment = {"INPUT_URI": f"gs://{stage.photos.name}/many", "TOP_K": "1"}
    ended = stage.job(environment=environment, tensorflow=True).run()
    assert ended.status == ExitCode.YES, ended.lines
    assert sorted(ended.written) == ["result", "result-00000.jsonl"]
    rows = [json.loads(line) for line in ended.written["result-00000.jsonl"].splitlines()]
    assert [row["image"] for row in rows] == sorted((f"many/{name}" for name in PICTURES), key=str.encode)
    said = {row["image"].removeprefix("many/"): row for row in rows}
    assert {name: row["error"]["code"] for name, row in said.items() if "error" in row} == {
        "empty.jpg": "empty",
        "letter.jpg": "not-an-image",
        "cut.jpg": "undecodable",
        "huge.png": "too-large",
    }
    assert {
        name: row["top_k_predictions"][0]["label"] for name, row in said.items() if "error" not in row
    } == {
        "cat.png": "red",
        "cmyk.jpg": "red",
        "deep.png": "black",
        "moving.gif": "green",
        "grün 😀 \u2028.PNG": "green",
    }
    assert said["cat.png"]["predicted_class"] == 0
    lines = ended.written["result"].splitlines()
    assert len(lines) == len(PICTURES)
    assert ast.literal_eval(lines[0].partition(", Response: ")[2])["predicted_class"] == 0
    assert [line["step"] for line in ended.lines if "step" in line] == [
        *("attest", "impersonate", "fetch", "verify", "load", "infer", "write")
    ]
    progress, written, timings = ended.lines[-3:]
    assert progress["done"] == progress["total"] == len(PICTURES)
    assert written["message"].endswith("could not be read: 4")
    assert timings["message"] == "timings"
    steps = timings["steps"]
    assert set(steps) == {"start", "import", "list", "admission", "fetch", "unpack", "load", "write", "infer"}
    for in_turn in (["list", "fetch", "unpack", "load", "infer"], ["admission", "fetch"]):
        assert all(steps[one][1] <= steps[next_one][0] for one, next_one in pairwise(in_turn))
    assert max(steps["import"][0], steps["admission"][0]) <= steps["list"][1]  # beside one another
    assert steps["import"][1] <= steps["load"][0]
    assert steps["infer"][0] <= timings["first_row_s"] <= steps["infer"][1] <= timings["whole_s"]
    assert not list((stage.folder).rglob("scratch/*"))


ANOTHER_IMAGE = replace(FACTS, image_digest=DIGEST[:-1] + "0")
SOUND = archive({"saved_model.pb": b"graph"})


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"socket": False}, ExitCode.MISCONFIGURED, "neither the launcher's socket nor its token file"),
        (
            {"facts": replace(FACTS, image_digest=DIGEST[:-1] + "0")},
            ExitCode.REFUSED,
            "by the attribute condition",
        ),
        ({"uploaded": SOUND}, ExitCode.REFUSED, "not the one that this image was published for"),
        ({"model": SOUND[:-20]}, ExitCode.MISCONFIGURED, "truncated"),
        ({"model": b"not an archive"}, ExitCode.MISCONFIGURED, "not a tar archive"),
        ({"model": archive({"../x": b""})}, ExitCode.MISCONFIGURED, "outside its folder"),
        ({"model": archive({"labels.txt": b""})}, ExitCode.MISCONFIGURED, "holds no model"),
        ({"environment": {"INPUT_URI": "gs://photos-of-secundus/none"}}, ExitCode.MISCONFIGURED, "no image"),
        ({"environment": {"INPUT_URI": "gs://not-a-bucket-of-mine/x"}}, None, "gs://not-a-bucket-of-mine/"),
        ({"environment": {"TOP_K": "1000000"}}, ExitCode.MISCONFIGURED, "more than the owner's terms allow"),
        ({"environment": {"TOP_K": "abc"}}, ExitCode.MISCONFIGURED, "TOP_K `abc`"),
        ({"edit": lambda terms: terms + "\n[surprise]\n"}, ExitCode.MISCONFIGURED, "unknown key `surprise`"),
        (
            {"edit": lambda terms: terms.replace("format = 1", "format = 2")},
            ExitCode.MISCONFIGURED,
            "`format` in the terms is `2`; this program reads 1 alone",
        ),
        ({"edit": lambda terms: terms.replace("primus-sa@", "nobody@")}, ExitCode.REFUSED, "may not be used"),
        (
            {"edit": lambda terms: terms.replace("primus-wip-provider", "another")},
            ExitCode.MISCONFIGURED,
            "STS refuses",
        ),
        (
            {"edit": lambda terms: terms.replace("gs://primus-input-bucket", "gs://primus-nothing")},
            None,
            "the owner's model",
        ),
    ],
)
def test_a_refused_job_says_why_in_one_line_and_leaves_error_json(
    stage: Stage, change: dict[str, Any], status: ExitCode | None, said: str
) -> None:
    ended = stage.job(**change).run()
    last = ended.lines[-1]
    assert said in last["message"]
    assert "\n" not in last["message"]
    assert last["hint"]
    assert ended.status == last["exit_code"]
    assert ended.status == status or (status is None and ended.status in (4, 7))
    assert ended.written.keys() == {"error.json"}
    assert ended.error == JobError(family=last["family"], message=last["message"], hint=last["hint"])
    assert ended.errors == ""
    assert str(stage.folder) not in json.dumps(ended.lines)


def test_a_denial_names_the_command_that_explains_it(stage: Stage) -> None:
    ended = stage.job(facts=ANOTHER_IMAGE).run()
    assert "The given credential is rejected by the attribute condition." in ended.error.message
    assert "symbolon auditor explain" in ended.error.hint


def test_what_google_would_answer_is_not_known_and_ends_the_job_with_6(stage: Stage) -> None:
    unread = "assertion.sub.matches('\\\\p{Gr' + 'eek}|.')"
    condition = f"{stage.provider.condition} && {unread}"
    ensure(stage.owner_api, replace(stage.provider, condition=condition))
    try:
        ended = stage.job().run()
    finally:
        ensure(stage.owner_api, stage.provider)
    assert ended.status == ExitCode.UNKNOWN
    assert "The emulator does not know what Google would answer" in ended.error.message
    entries = (stage.emulator.folder / "audit.jsonl").read_text().splitlines()
    asked = [entry for entry in entries if "emulator_unknown" in entry]
    assert len(asked) == 1  # nobody asks again what nobody knows


def test_an_older_launchers_token_file_admits_as_well(stage: Stage) -> None:
    ended = stage.job(token=stage.verifier.mint(FACTS), socket=False, model=b"not an archive").run()
    assert "not a tar archive" in ended.error.message


def test_an_expired_token_file_is_worth_another_start(stage: Stage) -> None:
    write_faults(stage.emulator.folder, Faults(expired_tokens=True))
    ended = stage.job(token=stage.verifier.mint(FACTS), socket=False).run()
    assert (ended.status, ended.error.family) == (ExitCode.UNAVAILABLE, "unavailable")
    assert "expired" in ended.error.message


def test_a_token_that_sts_finds_stale_is_rejected(stage: Stage) -> None:
    write_faults(stage.emulator.folder, Faults(expired_tokens=True))
    ended = stage.job().run()
    assert (ended.status, ended.error.family) == (ExitCode.REFUSED, "evidence-rejected")


def test_results_that_are_there_are_neither_overwritten_nor_mixed(stage: Stage) -> None:
    job = stage.job()
    stage.results.blob(f"{job.name}/result-00000.jsonl").upload_from_string("another job's")
    ended = job.run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert ended.written.keys() == {"error.json", "result-00000.jsonl"}
    assert ended.written["result-00000.jsonl"] == "another job's"


def test_without_a_place_for_results_the_log_alone_says_why(stage: Stage) -> None:
    ended = stage.job(environment={"RESULT_URI": "nowhere"}).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert [line["severity"] for line in ended.lines] == ["ERROR", "WARNING"]
    assert ended.written == {}


def test_the_shapes_of_a_model_that_does_not_fit_are_not_in_the_operators_bucket(stage: Stage) -> None:
    ended = stage.job(edit=lambda terms: terms.replace("height = 8", "height = 9"), tensorflow=True).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert "float32[n, 8, 8, 3]" in ended.lines[-1]["message"]
    assert "float32[n, 9, 8, 3]" in ended.lines[-1]["message"]
    assert ended.error.message == "the model does not fit the owner's terms"


def test_a_missing_scale_is_tried_on_one_photo_for_the_owner_and_nothing_is_inferred(stage: Stage) -> None:
    ended = stage.job(
        edit=lambda terms: terms.replace("scale = 0.00392156862745098", ""), tensorflow=True
    ).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert set(ended.written) == {"error.json"}
    assert ended.error.message == "the owner's terms do not say what the model is fed"
    (line,) = (line for line in ended.lines if line.get("severity") == "ERROR")
    # A red photo; the model's scores are its mean colours.
    assert (
        "do not say `input.scale`; the model's signature takes float32, and with the operator's first photo"
        in line["message"]
    )
    assert "best score is 1.00 fed `mean = [0, 0, 0]` and `scale = 1`, 0." in line["message"]


def test_a_missing_scale_is_said_though_nothing_can_be_tried(stage: Stage) -> None:
    ended = stage.job(model=b"", edit=lambda terms: terms.replace("scale = 0.00392156862745098", "")).run()
    assert ended.status == ExitCode.MISCONFIGURED
    assert ended.lines[-1]["message"] == "the terms do not say `input.scale`"


def test_a_bug_leaves_nothing_but_its_kind_and_place(stage: Stage) -> None:
    # The trap where TensorFlow is loaded from stands for any bug: a failure of no family of ours.
    ended = stage.job().run()
    assert ended.status == ExitCode.BUG
    assert ended.error.family == "bug"
    assert ended.error.message == "the workload failed unexpectedly"
    assert "OSError" in ended.lines[-1]["message"]
    assert "libtensorflow" not in json.dumps(ended.lines)
    assert ended.errors == ""


SLOW_DOWNLOAD = Faults(download_bytes_per_s=100)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_stopped_while_it_fetches_leaves_nothing_behind(stage: Stage, number: signal.Signals) -> None:
    job = stage.job()
    ended = stop(job, SLOW_DOWNLOAD, after="fetching the model", number=number)
    assert ended.status == ExitCode.UNAVAILABLE
    assert "stopped" in ended.error.message
    assert ended.written.keys() == {"error.json"}
    assert ended.errors == ""
    assert not list((stage.folder / job.name / "scratch").iterdir())


def test_a_job_stopped_while_it_infers_leaves_what_is_done(stage: Stage) -> None:
    for number in range(40):
        stage.photos.blob(f"slow/{number:02}.png").upload_from_string(picture())
    environment = {"INPUT_URI": f"gs://{stage.photos.name}/slow", "BATCH_SIZE": "4"}
    job = stage.job(environment=environment, tensorflow=True)
    ended = stop(job, Faults(storage_latency_ms=400), after="running 40 images", number=signal.SIGTERM)
    assert ended.status == ExitCode.UNAVAILABLE
    rows = ended.written.pop("result-00000.jsonl", "").splitlines()
    assert all(json.loads(row)["predicted_class"] == 0 for row in rows)
    assert len(rows) < 40
    assert ended.written.keys() == {"error.json"}


def stop(job: Job, faults: Faults, *, after: str, number: signal.Signals) -> Ended:
    """The job got the signal once its log said `after`, and has ended."""
    write_faults(job.stage.emulator.folder, faults)
    with job.started() as process:
        assert process.stdout is not None
        output = ""
        while after not in output:
            output += process.stdout.readline()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
    write_faults(job.stage.emulator.folder, Faults())
    return job.ended(process.returncode, output + rest, errors)
