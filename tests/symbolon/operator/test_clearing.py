"""`symbolon operator results clear` removes what is ours, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from attestation.errors import Misconfigured
from contract.uris import FolderUri
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import GoogleApi
from emulator import running
from symbolon.operator.clearing import clear
from tests.symbolon.conftest import Ask

OURS = [
    *("claim.json", "error.json", "job.json", "receipt.json"),
    *("result", "result-00000.jsonl", "result-12345.jsonl"),
]
OTHERS = ["cat.jpg", "result-1.jsonl", "results.csv", "sub/job.json", "sub/result"]


@pytest.fixture
def credentials(emulator: running.Running, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    file = str(emulator.credentials_file("operator"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
    return Credentials.from_authorized_user_file(file, scopes=[CLOUD_PLATFORM])  # type: ignore[no-untyped-call, no-any-return]


@pytest.fixture
def make_bucket(credentials: Credentials, request: pytest.FixtureRequest) -> Callable[[], storage.Bucket]:
    def make() -> storage.Bucket:
        client = storage.Client(project="secundus", credentials=credentials)
        return client.create_bucket(f"b{abs(hash(request.node.nodeid)):x}")

    return make


def fill(bucket: storage.Bucket, names: list[str]) -> None:
    for name in names:
        bucket.blob(f"run/{name}").upload_from_string("x")


def folder_of(bucket: storage.Bucket) -> FolderUri:
    return FolderUri(bucket=bucket.name, prefix="run/")


def left(bucket: storage.Bucket) -> list[str]:
    return [blob.name.removeprefix("run/") for blob in bucket.list_blobs()]


def test_what_is_ours_is_removed_and_named_and_all_else_stays(
    make_bucket: Callable[[], storage.Bucket], credentials: Credentials, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = make_bucket()
    fill(bucket, [*OURS, *OTHERS])
    later = time.time() + 1000
    clear(folder=folder_of(bucket), output="human", api=GoogleApi(credentials), clock=lambda: later)
    assert left(bucket) == OTHERS
    assert capsys.readouterr().out.splitlines() == [f"deleted {name}" for name in OURS]


def test_a_folder_in_which_a_job_is_at_work_is_left_as_it_is(
    make_bucket: Callable[[], storage.Bucket], credentials: Credentials
) -> None:
    bucket = make_bucket()
    fill(bucket, OURS)
    with pytest.raises(Misconfigured, match=r"a job is at work in `gs://.*/run/`") as refused:
        clear(folder=folder_of(bucket), output="human", api=GoogleApi(credentials))
    assert "stop it first" in refused.value.hint
    assert left(bucket) == OURS


def test_a_person_types_it_with_default_credentials(
    make_bucket: Callable[[], storage.Bucket], ask: Ask
) -> None:
    bucket = make_bucket()
    fill(bucket, ["job.json", "result"])
    answered = ask("operator", "results", "clear", f"gs://{bucket.name}/run/", "--format", "json")
    assert (answered.code, answered.json) == (
        0,
        {"folder": f"gs://{bucket.name}/run/", "deleted": ["job.json", "result"]},
    )
    again = ask("operator", "results", "clear", f"gs://{bucket.name}/run")
    assert (again.code, again.out) == (0, f"nothing of a job lies in gs://{bucket.name}/run/\n")


@pytest.mark.parametrize(
    ("folder", "code", "said"),
    [
        ("run", 2, "RESULTS `run` names no bucket"),
        ("gs://no-such-bucket-anywhere/run", 7, "listing `gs://no-such-bucket-anywhere/run/` with 404"),
    ],
)
@pytest.mark.usefixtures("credentials")
def test_what_is_no_folder_is_said_in_one_line(ask: Ask, folder: str, code: int, said: str) -> None:
    answered = ask("operator", "results", "clear", folder)
    assert answered.code == code
    assert said in answered.err
    assert answered.err.count("error: ") == 1
