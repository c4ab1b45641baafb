"""Jobs that are started again, and jobs in hostile surroundings: whole ones, as the launcher runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.errors import ExitCode
from contract.claim import Claim, render_claim
from contract.parts import parse_part
from emulator.faults import Faults, trouble, write_faults
from emulator.state import State
from emulator.verifier import Verifier
from tests.workload.jobs import Ended, Job, Stage
from tests.workload.samples import picture

RED, GREEN = picture((255, 0, 0)), picture((0, 255, 0))


def job(stage: Stage, folder: str, **overrides: Any) -> Job:
    """By the runtime that starts soonest."""
    environment = {"INPUT_URI": f"gs://{stage.photos.name}/{folder}", **overrides.pop("environment", {})}
    return stage.job(
        environment=environment,
        edit=lambda terms: terms.replace('"tensorflow"', '"openvino"'),
        **overrides,
    )


def steps(ended: Ended) -> list[str]:
    return [line["step"] for line in ended.lines if "step" in line]


def rows(ended: Ended) -> list[dict[str, Any]]:
    part = parse_part(ended.written["result-00000.jsonl"].encode(), where="it")
    return [json.loads(line) for line in part.rows]


def remove(stage: Stage, job: Job, *, but: str) -> None:
    """Of the job's folder one object alone is left."""
    for blob in stage.results.list_blobs(prefix=f"{job.name}/"):
        if blob.name != f"{job.name}/{but}":
            blob.delete()


def test_what_was_listed_is_what_is_read_however_the_folder_changes(stage: Stage) -> None:
    for name, data in {"a.png": RED, "b.png": RED, "notes.txt": b"x", "sub/": b""}.items():
        stage.photos.blob(f"changes/{name}").upload_from_string(data)
    one = job(stage, "changes")
    first = one.run()
    assert (first.status, [row["predicted_class"] for row in rows(first)]) == (ExitCode.YES, [0, 0])
    assert "Left out: 1 object with another name, 1 placeholder of a folder" in first.written["result"]
    (listed,) = (line for line in first.lines if "left_out" in line)
    assert listed["left_out"] == {"placeholders": 1, "other_names": 1}

    listed_b = stage.photos.get_blob("changes/b.png")
    stage.photos.blob("changes/b.png").upload_from_string(GREEN)
    stage.photos.blob("changes/c.png").upload_from_string(GREEN)
    again = one.run()
    assert again.status == ExitCode.YES
    assert again.written == first.written
    assert "fetch" not in steps(again)  # nothing was left to do, so nobody asked for the model
    assert "nothing is left to do" in again.lines[-1]["message"]

    receipt = stage.results.blob(f"{one.name}/receipt.json")
    receipt.upload_from_string(first.written["receipt.json"].replace('"payload":"', '"payload":"eyJ'))
    planted = one.run()
    assert (planted.status, planted.error.family) == (ExitCode.MISCONFIGURED, "misconfigured")
    assert planted.error.message.startswith("`receipt.json` in RESULT_URI")
    assert "does not prove itself" in planted.error.message

    remove(stage, one, but="job.json")
    from_versions = one.run()
    assert rows(from_versions) == rows(first)  # the bucket keeps what was overwritten

    stage.photos.delete_blob("changes/b.png", generation=listed_b.generation)
    remove(stage, one, but="job.json")
    resumed = one.run()
    assert resumed.status == ExitCode.YES
    assert [row["image"] for row in rows(resumed)] == ["changes/a.png", "changes/b.png"]
    assert rows(resumed)[0] == rows(first)[0]
    assert rows(resumed)[1]["error"]["code"] == "gone"  # another generation than was listed is not read
    assert resumed.written["job.json"] == first.written["job.json"]


def test_a_job_none_of_whose_images_can_be_read_is_finished_and_not_repeated(stage: Stage) -> None:
    stage.photos.blob("none/a.png").upload_from_string(b"no picture")
    stage.photos.blob("none/b.png").upload_from_string(b"")
    one = job(stage, "none")
    first = one.run()
    assert first.status == ExitCode.ANSWERED_NO
    assert first.lines[-1]["message"] == "not one picture could be read"
    assert "error.json" not in first.written
    assert {"job.json", "result", "result-00000.jsonl"} <= first.written.keys()
    again = one.run()
    assert again.status == ExitCode.YES
    assert again.written == first.written


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        pytest.param(
            {"environment": {"INPUT_URI": ""}}, ExitCode.MISCONFIGURED, "INPUT_URI is not set", id="no input"
        ),
        pytest.param(
            {"environment": {"INPUT_URI": "", "RESULT_URI": ""}},
            ExitCode.MISCONFIGURED,
            "INPUT_URI is not set",
            id="nothing set",
        ),
        pytest.param(
            {"metadata": False},
            ExitCode.MISCONFIGURED,
            "this machine has no metadata server",
            id="no metadata",
        ),
        pytest.param(
            {"environment": {"RESULT_URI": "gs://primus-input-bucket/x"}},
            ExitCode.MISCONFIGURED,
            "RESULT_URI `gs://primus-input-bucket/x/` is in the owner's bucket",
            id="results in the owner's bucket",
        ),
        pytest.param(
            {"environment": {"INPUT_URI": "gs://primus-input-bucket/x"}},
            ExitCode.MISCONFIGURED,
            "INPUT_URI `gs://primus-input-bucket/x/` is in the owner's bucket",
            id="images in the owner's bucket",
        ),
        pytest.param(
            {"environment": {"RESULT_URI": "gs://photos-of-secundus/one/results"}},
            ExitCode.MISCONFIGURED,
            "are one folder, or one is in the other",
            id="results among the images",
        ),
    ],
)
def test_one_cause_gives_one_line(stage: Stage, change: dict[str, Any], status: ExitCode, said: str) -> None:
    ended = job(stage, "one", **change).run()
    assert ended.status == status
    told = [line for line in ended.lines if line["severity"] != "INFO"]
    assert [line["severity"] for line in told] == ["ERROR"]
    assert said in told[0]["message"]
    assert told[0]["hint"]
    assert ended.errors == ""
    assert not list(stage.models.list_blobs(prefix="x/"))


def test_a_library_is_not_told_where_else_google_might_be(stage: Stage) -> None:
    elsewhere = {
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9",
        "API_ENDPOINT_OVERRIDE": "http://127.0.0.1:9",
        "GOOGLE_APPLICATION_CREDENTIALS": "/no/such/file.json",
        "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "example.com",
        "CLOUDSDK_CONFIG": "/no/such/folder",
    }
    ended = job(stage, "one", environment=elsewhere).run()
    assert ended.status == ExitCode.YES, ended.lines
    (line,) = (line for line in ended.lines if "set" in line)
    assert {"HTTPS_PROXY", "REQUESTS_CA_BUNDLE"} <= set(line["set"])  # the emulator


def test_an_image_that_believes_another_platform_ends_before_it_fetches(stage: Stage) -> None:
    another = Verifier(State(stage.folder / "another", clock=lambda: 1.8e9))
    ended = job(stage, "one", root=another.root.public_bytes(Encoding.PEM)).run()
    assert ended.status == ExitCode.REFUSED
    assert "does not end in the pinned root" in ended.error.message
    assert "fetch" not in steps(ended)
    assert ended.written.keys() == {"error.json"}


def test_a_start_that_ends_before_it_has_claimed_the_folder_disturbs_nobody_who_has(stage: Stage) -> None:
    another = Verifier(State(stage.folder / "yet-another", clock=lambda: 1.8e9))
    one = job(stage, "one", root=another.root.public_bytes(Encoding.PEM))
    theirs = render_claim(Claim(instance_id="1", start_id="theirs"))
    stage.results.blob(f"{one.name}/claim.json").upload_from_string(theirs)
    ended = one.run()
    assert (ended.status, ended.lines[-1]["severity"]) == (ExitCode.REFUSED, "ERROR")
    assert ended.written == {"claim.json": theirs.decode()}


def test_a_start_that_finds_another_instance_at_work_writes_nothing_not_even_why(stage: Stage) -> None:
    one = job(stage, "one")
    theirs = Claim(instance_id="1", start_id="theirs")
    blob = stage.results.blob(f"{one.name}/claim.json")
    blob.upload_from_string(render_claim(theirs))
    with one.started() as process:
        assert process.stdout is not None
        output = ""
        while "another instance has claimed RESULT_URI" not in output:
            line = process.stdout.readline()
            assert line, output
            output += line
        working = render_claim(replace(theirs, renewals=1))
        blob.upload_from_string(working)
        rest, errors = process.communicate(timeout=60)
    ended = one.ended(process.returncode, output + rest, errors)
    assert ended.status == ExitCode.MISCONFIGURED
    assert "instance `1` is at work in RESULT_URI" in ended.lines[-1]["message"]
    assert ended.written == {"claim.json": working.decode()}


def test_a_start_that_loses_its_folder_in_mid_run_writes_nothing_more_and_ends_with_7(stage: Stage) -> None:
    for number in range(40):
        stage.photos.blob(f"lost/{number:02}.png").upload_from_string(picture((number, 0, 0)))
    write_faults(stage.emulator.folder, trouble("read", "hang", times=10**6, of="lost/"))
    one = job(stage, "lost")
    theirs = render_claim(Claim(instance_id="1", start_id="theirs"))
    with one.started() as process:
        assert process.stdout is not None
        output = ""
        while "running 40 pictures" not in output:
            line = process.stdout.readline()
            assert line, output
            output += line
        stage.results.blob(f"{one.name}/claim.json").upload_from_string(theirs)
        write_faults(stage.emulator.folder, Faults())
        rest, errors = process.communicate(timeout=60)
    ended = one.ended(process.returncode, output + rest, errors)
    assert (ended.status, ended.errors) == (ExitCode.MISCONFIGURED, "")
    assert "another start of the job has taken over RESULT_URI" in ended.lines[-1]["message"]
    assert ended.written.keys() == {"claim.json", "job.json"}
    assert ended.written["claim.json"] == theirs.decode()
