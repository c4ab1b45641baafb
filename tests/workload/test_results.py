"""What the operator gets: parts as they are done, the codelab's `result`, and nothing ever overwritten."""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Callable
from typing import IO

import pytest
from google.cloud import storage

from attestation.errors import Denied, Misconfigured
from contract.results import JobError, PictureError, Prediction, Row, parse_error
from contract.uris import FolderUri
from workload import results
from workload.results import ResultWriter, claim_folder, write_error

Buckets = Callable[[], storage.Bucket]

CAT = Row(
    picture="in/cat.jpg",
    generation=7,
    predictions=(
        Prediction(class_index=285, score=0.123456789, label="Egyptian cat"),
        Prediction(class_index=281, score=0.1, label="tabby"),
    ),
)
GONE = Row(
    picture="in/new\nline 😀.png",
    generation=8,
    error=PictureError(code="gone", message="the object was deleted"),
)


@pytest.fixture
def folder(make_bucket: Buckets) -> FolderUri:
    return FolderUri(bucket=make_bucket().name, prefix="run/")


def objects(client: storage.Client, folder: FolderUri) -> dict[str, str]:
    return {
        blob.name.removeprefix(folder.prefix): blob.download_as_text()
        for blob in client.list_blobs(folder.bucket, prefix=folder.prefix)
    }


def test_rows_are_json_lines_with_the_scores_that_the_terms_allow(
    as_operator: storage.Client, folder: FolderUri
) -> None:
    with ResultWriter(as_operator, folder, score_digits=3) as writer:
        writer.write(CAT)
        writer.write(GONE)
    lines = objects(as_operator, folder)["result-00000.jsonl"].splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "format": 1,
            "image": "in/cat.jpg",
            "generation": 7,
            "predicted_class": 285,
            "top_k_predictions": [
                {"class_index": 285, "score": 0.123, "label": "Egyptian cat"},
                {"class_index": 281, "score": 0.1, "label": "tabby"},
            ],
        },
        {
            "format": 1,
            "image": "in/new\nline 😀.png",
            "generation": 8,
            "error": {"code": "gone", "message": "the object was deleted"},
        },
    ]


def test_result_reads_as_the_codelabs_did(as_operator: storage.Client, folder: FolderUri) -> None:
    with ResultWriter(as_operator, folder, score_digits=3) as writer:
        writer.write(CAT)
        writer.write(GONE)
    lines = objects(as_operator, folder)["result"].splitlines()
    names, responses = zip(
        *(line.removeprefix("Image: ").split(", Response: ") for line in lines), strict=True
    )
    assert names == ("in/cat.jpg", r"in/new\nline 😀.png")
    read = [ast.literal_eval(response) for response in responses]
    assert read[0]["predicted_class"] == 285
    assert read[0]["top_k_predictions"][0]["class_index"] == 285
    assert read[1] == {"error": "the object was deleted"}


def test_a_part_is_written_when_it_is_full_or_old(
    as_operator: storage.Client, folder: FolderUri, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "ROWS_A_PART", 3)
    now = 0.0
    with ResultWriter(as_operator, folder, score_digits=3, clock=lambda: now) as writer:
        for _ in range(4):
            writer.write(CAT)
        assert list(objects(as_operator, folder)) == ["result-00000.jsonl"]
        now += results.SECONDS_A_PART
        writer.write(CAT)
        assert list(objects(as_operator, folder)) == ["result-00000.jsonl", "result-00001.jsonl"]
    parts = objects(as_operator, folder)
    assert [parts[f"result-0000{n}.jsonl"].count("\n") for n in range(2)] == [3, 2]
    assert "result-00002.jsonl" not in parts
    assert parts["result"].count("\n") == 5


def test_a_part_holds_a_thousand_rows(as_operator: storage.Client, folder: FolderUri) -> None:
    with ResultWriter(as_operator, folder, score_digits=3, clock=lambda: 0.0) as writer:
        for _ in range(999):
            writer.write(GONE)
        assert not objects(as_operator, folder)
        writer.write(GONE)
        assert list(objects(as_operator, folder)) == ["result-00000.jsonl"]
    assert sorted(objects(as_operator, folder)) == ["result", "result-00000.jsonl"]


def test_a_part_waits_for_rows_for_thirty_seconds_from_the_last_one(
    as_operator: storage.Client, folder: FolderUri
) -> None:
    now = 1000.0
    with ResultWriter(as_operator, folder, score_digits=3, clock=lambda: now) as writer:
        for at, parts in ((1029.9, 0), (1030.0, 1), (1059.9, 1), (1060.0, 2)):
            now = at
            writer.write(CAT)
            assert len(objects(as_operator, folder)) == parts


def test_each_object_says_what_it_is(as_operator: storage.Client, folder: FolderUri) -> None:
    with ResultWriter(as_operator, folder, score_digits=3) as writer:
        writer.write(GONE)
    write_error(as_operator, folder, JobError(family="denied", message="no", hint="ask"))
    blobs = as_operator.list_blobs(folder.bucket)
    assert {blob.name: blob.content_type for blob in blobs} == {
        "run/error.json": "application/json",
        "run/result": "text/plain; charset=utf-8",
        "run/result-00000.jsonl": "application/jsonl",
    }


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_what_is_done_before_a_failure_is_written_and_result_is_not(
    as_operator: storage.Client, folder: FolderUri, failure: type[BaseException]
) -> None:
    with pytest.raises(failure), ResultWriter(as_operator, folder, score_digits=3) as writer:
        writer.write(CAT)
        raise failure
    written = objects(as_operator, folder)
    assert list(written) == ["result-00000.jsonl"]
    assert written["result-00000.jsonl"].count("\n") == 1


@pytest.mark.parametrize("count", [1, 200])
def test_results_that_scratch_space_does_not_hold_are_misconfigured(
    as_operator: storage.Client, folder: FolderUri, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    def full() -> IO[bytes]:
        return open("/dev/full", "w+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    refused = pytest.raises(Misconfigured, match="the object `result` does not fit into the machine's")
    with refused, ResultWriter(as_operator, folder, score_digits=3) as writer:
        for _ in range(count):
            writer.write(CAT)
    assert list(objects(as_operator, folder)) == ["result-00000.jsonl"]


@pytest.mark.parametrize("name", ["result", "result-00000.jsonl", "result-12345.jsonl", "receipt.json"])
def test_a_folder_with_results_is_refused_and_left_as_it_is(
    as_operator: storage.Client, folder: FolderUri, name: str
) -> None:
    as_operator.bucket(folder.bucket).blob(folder.prefix + name).upload_from_string("kept")
    with pytest.raises(Misconfigured, match="holds results already") as refused:
        claim_folder(as_operator, folder)
    assert "empty folder" in refused.value.hint
    assert objects(as_operator, folder) == {name: "kept"}


def test_a_folder_with_other_objects_is_free(as_operator: storage.Client, folder: FolderUri) -> None:
    bucket = as_operator.bucket(folder.bucket)
    names = ["cat.jpg", "results.csv", "result/x", "result-1.jsonl", "other/result"]
    for name in names:
        bucket.blob(folder.prefix + name).upload_from_string("kept")
    claim_folder(as_operator, folder)
    assert sorted(objects(as_operator, folder)) == sorted(names)


def test_the_error_of_an_earlier_attempt_goes_when_a_new_one_begins(
    as_operator: storage.Client, folder: FolderUri
) -> None:
    error = JobError(family="unavailable", message="storage is away", hint="start again")
    write_error(as_operator, folder, error)
    write_error(as_operator, folder, error)
    assert parse_error(objects(as_operator, folder)["error.json"]) == error
    claim_folder(as_operator, folder)
    claim_folder(as_operator, folder)
    assert objects(as_operator, folder) == {}


def test_results_that_appear_meanwhile_are_not_overwritten(
    as_operator: storage.Client, folder: FolderUri
) -> None:
    blob = as_operator.bucket(folder.bucket).blob("run/result-00000.jsonl")
    with (
        pytest.raises(Misconfigured, match="holds results already"),
        ResultWriter(as_operator, folder, score_digits=3) as writer,
    ):
        blob.upload_from_string("another job's")
        writer.write(CAT)
    assert blob.download_as_text() == "another job's"


def test_a_part_whose_answer_was_lost_is_known_to_be_written(
    as_operator: storage.Client, folder: FolderUri
) -> None:
    with ResultWriter(as_operator, folder, score_digits=3) as writer:
        writer.write(CAT)
    written = objects(as_operator, folder)
    with ResultWriter(as_operator, folder, score_digits=3) as writer:
        writer.write(CAT)
    assert objects(as_operator, folder) == written


def test_a_bucket_that_does_not_exist_is_named(as_operator: storage.Client) -> None:
    missing = FolderUri(bucket="no-such-bucket-at-all", prefix="")
    with pytest.raises((Misconfigured, Denied), match="gs://no-such-bucket-at-all"):
        claim_folder(as_operator, missing)
