"""What the operator gets: whole parts with their proof, the codelab's `result`, and nothing overwritten."""

from __future__ import annotations

import ast
import errno
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from typing import IO
from urllib.parse import parse_qs, urlsplit

import pytest
from google.cloud import storage

from attestation.digests import Digest, digest_of
from attestation.errors import Denied, Misconfigured
from contract.job import JobRecord, LeftOut, ListedPicture
from contract.parts import Part, parse_part, part_nonce
from contract.results import JobError, PictureError, Prediction, Row, parse_error, parse_row
from contract.uris import FolderUri
from workload.results import Account, PartWriter, ResultFolder

Buckets = Callable[[], storage.Bucket]

LEFT_OUT = LeftOut(other_names=3)
COUNT = 70
"""Pictures: two parts of 32 and one of 6."""


@pytest.fixture
def folder(as_operator: storage.Client, make_bucket: Buckets) -> ResultFolder:
    return ResultFolder(as_operator, FolderUri(bucket=make_bucket().name, prefix="run/"))


@pytest.fixture
def account() -> Iterator[Account]:
    with Account(score_digits=3) as account:
        yield account


def objects(client: storage.Client, folder: ResultFolder) -> dict[str, bytes]:
    return {
        blob.name.removeprefix(folder.uri.prefix): blob.download_as_bytes()
        for blob in client.list_blobs(folder.uri.bucket, prefix=folder.uri.prefix)
    }


def record(folder: ResultFolder) -> JobRecord:
    return JobRecord(
        image_digest=Digest("sha256:" + "1" * 64),
        terms_digest=Digest("sha256:" + "2" * 64),
        input=FolderUri(bucket="photos", prefix=""),
        result=folder.uri,
        top_k=2,
        pictures=tuple(ListedPicture(name=f"{n:02}.jpg", generation=n + 1, size=9) for n in range(COUNT)),
        left_out=LeftOut(),
    )


def row(position: int) -> Row:
    if position % 7 == 3:
        gone = PictureError(code="gone", message="the object was deleted")
        return Row(picture=f"{position:02}.jpg", generation=position + 1, error=gone)
    predictions = (
        Prediction(class_index=285, score=0.123456789, label="Egyptian cat"),
        Prediction(class_index=281, score=0.1, label="tabby"),
    )
    return Row(picture=f"{position:02}.jpg", generation=position + 1, predictions=predictions)


def part_writer(
    folder: ResultFolder,
    account: Account,
    *,
    missing: tuple[int, ...] = (0, 1, 2),
    check: Callable[[], None] = lambda: None,
) -> PartWriter:
    return PartWriter(
        folder, record(folder), account, missing=missing, ask=lambda nonce: f"token of {nonce}", check=check
    )


def rows_of(part: Part) -> list[Row]:
    return [parse_row(line.decode()) for line in part.rows]


def write(writer: PartWriter, positions: range) -> None:
    for position in positions:
        writer.write(row(position), sha256=f"{position:064x}" if position % 7 != 3 else None)


def test_a_part_is_written_once_it_is_whole_with_its_leaves_and_its_token(
    as_operator: storage.Client, folder: ResultFolder, account: Account
) -> None:
    writer = part_writer(folder, account)
    write(writer, range(31))
    assert not objects(as_operator, folder)
    write(writer, range(31, 40))
    written = objects(as_operator, folder)
    assert list(written) == ["result-00000.jsonl"]
    part = parse_part(written["result-00000.jsonl"], where="it")
    assert [parse_row(line.decode()).picture for line in part.rows] == [f"{n:02}.jpg" for n in range(32)]
    assert json.loads(part.rows[0])["top_k_predictions"][0] == {
        "class_index": 285,
        "score": 0.123,
        "label": "Egyptian cat",
    }
    assert [(leaf.generation, leaf.sha256) for leaf in part.inputs[2:4]] == [(3, f"{2:064x}"), (4, None)]
    job = record(folder).digest
    assert part.token == f"token of {part_nonce(job, 0, part.inputs, part.rows)}"


def test_parts_that_are_missing_are_written_under_their_own_names(
    as_operator: storage.Client, folder: ResultFolder, account: Account
) -> None:
    writer = part_writer(folder, account, missing=(0, 2))
    write(writer, range(32))
    write(writer, range(64, 70))
    assert list(objects(as_operator, folder)) == ["result-00000.jsonl", "result-00002.jsonl"]


def test_a_claim_that_is_lost_writes_no_part(
    as_operator: storage.Client, folder: ResultFolder, account: Account
) -> None:
    def check() -> None:
        raise Misconfigured("lost")

    with pytest.raises(Misconfigured, match="lost"):
        write(part_writer(folder, account, check=check), range(32))
    assert not objects(as_operator, folder)


def test_result_has_every_row_in_listing_order_whenever_its_part_became_known(
    as_operator: storage.Client, folder: ResultFolder, account: Account
) -> None:
    with Account(score_digits=3) as earlier:
        write(part_writer(folder, earlier, missing=(1,)), range(32, 64))
    later = part_writer(folder, account, missing=(0, 2))
    part = parse_part(objects(as_operator, folder)["result-00001.jsonl"], where="it")
    account.add(part, rows_of(part))
    write(later, range(32))
    write(later, range(64, 70))
    digest = account.write_codelab_result(folder, LEFT_OUT)
    assert digest == digest_of(objects(as_operator, folder)["result"])
    assert [each.name for each in account.leaves.subjects()] == [f"result-0000{n}.jsonl" for n in range(3)]
    assert {root.size for root in account.leaves.roots()} == {COUNT}
    assert (account.rows, account.unreadable) == (COUNT, sum(n % 7 == 3 for n in range(COUNT)))
    *lines, last = objects(as_operator, folder)["result"].decode().splitlines()
    assert last == "Left out: 3 objects with other names"
    names, responses = zip(
        *(line.removeprefix("Image: ").split(", Response: ") for line in lines), strict=True
    )
    assert names == tuple(f"{n:02}.jpg" for n in range(COUNT))
    read = [ast.literal_eval(response) for response in responses]
    assert read[0]["predicted_class"] == 285
    assert read[3] == {"error": "the object was deleted"}


def test_result_can_be_written_again_as_it_is_and_not_otherwise(
    as_operator: storage.Client, folder: ResultFolder, account: Account
) -> None:
    write(part_writer(folder, account), range(COUNT))
    account.write_codelab_result(folder, LEFT_OUT)
    account.write_codelab_result(folder, LEFT_OUT)
    other = pytest.raises(Misconfigured, match="with another content")
    with Account(score_digits=3) as less, other as refused:
        less.write_codelab_result(folder, LEFT_OUT)
    assert f"symbolon operator results clear {folder.uri}" in refused.value.hint


def test_each_object_says_what_it_is(
    as_operator: storage.Client, folder: ResultFolder, account: Account
) -> None:
    write(part_writer(folder, account, missing=(0,)), range(32))
    account.write_codelab_result(folder, LEFT_OUT)
    folder.write_error(JobError(family="denied", message="no", hint="ask"))
    folder.replace("claim.json", b"{}", generation=0)
    blobs = as_operator.list_blobs(folder.uri.bucket)
    assert {blob.name: blob.content_type for blob in blobs} == {
        "run/claim.json": "application/json",
        "run/error.json": "application/json",
        "run/result": "text/plain; charset=utf-8",
        "run/result-00000.jsonl": "application/jsonl",
    }


def test_results_that_scratch_space_does_not_hold_are_misconfigured(
    folder: ResultFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> IO[bytes]:
        return open("/dev/full", "w+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    refused = pytest.raises(Misconfigured, match="the object `result` does not fit into the machine's")
    with refused, Account(score_digits=3) as account:
        write(part_writer(folder, account), range(COUNT))


class Buffered(io.BytesIO):
    """Scratch space that is full, which shows once what was written leaves the buffer."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_part_that_scratch_space_does_not_hold_is_refused_at_once(
    as_operator: storage.Client, folder: ResultFolder, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(part_writer(folder, account, missing=(2,)), range(64, COUNT))
    part = parse_part(objects(as_operator, folder)["result-00002.jsonl"], where="it")
    files: Iterator[Callable[[], IO[bytes]]] = iter(
        [tempfile.TemporaryFile, Buffered]
    )  # for leaves, for rows
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: next(files)())
    with Account(score_digits=3) as another:
        with pytest.raises(Misconfigured, match="the object `result` does not fit"):
            another.add(part, rows_of(part))
        assert another.leaves.subjects() == []


def test_a_result_that_scratch_space_does_not_hold_is_refused_before_it_is_sent(
    as_operator: storage.Client, folder: ResultFolder, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(part_writer(folder, account, missing=(2,)), range(64, COUNT))
    asked: list[str] = []
    as_operator._http.hooks["response"].append(lambda answer, **_: asked.append(answer.url))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Buffered())
    with pytest.raises(Misconfigured, match="the object `result` does not fit"):
        account.write_codelab_result(folder, LEFT_OUT)
    assert asked == []


def test_a_folder_is_asked_for_its_names_alone_page_by_page_and_for_nothing_deeper(
    as_operator: storage.Client, folder: ResultFolder
) -> None:
    asked: list[str] = []
    as_operator._http.hooks["response"].append(lambda answer, **_: asked.append(answer.url))
    folder.results()
    (query,) = [parse_qs(urlsplit(url).query) for url in asked]
    assert (query["prefix"], query["delimiter"]) == (["run/re"], ["/"])
    assert query["fields"] == ["items(name),nextPageToken"]


def test_the_names_of_results_are_those_of_ours_alone(
    as_operator: storage.Client, folder: ResultFolder
) -> None:
    bucket = as_operator.bucket(folder.uri.bucket)
    ours = ["receipt.json", "result", "result-00000.jsonl", "result-12345.jsonl"]
    for name in [*ours, "cat.jpg", "results.csv", "result/x", "result-1.jsonl", "other/result"]:
        bucket.blob(folder.uri.prefix + name).upload_from_string("kept")
    assert sorted(folder.results()) == ours


def test_an_object_that_appears_meanwhile_is_not_overwritten(
    as_operator: storage.Client, folder: ResultFolder, account: Account
) -> None:
    blob = as_operator.bucket(folder.uri.bucket).blob("run/result-00000.jsonl")
    blob.upload_from_string("another job's")
    with pytest.raises(Misconfigured, match=r"`result-00000\.jsonl` is in RESULT_URI .* already"):
        write(part_writer(folder, account), range(32))
    assert blob.download_as_bytes() == b"another job's"


def test_an_object_whose_answer_was_lost_is_known_to_be_written(folder: ResultFolder) -> None:
    folder.create("result", io.BytesIO(b"text"), "text/plain")
    folder.create("result", io.BytesIO(b"text"), "text/plain")
    with pytest.raises(Misconfigured):
        folder.create("result", io.BytesIO(b"other"), "text/plain")


def test_an_object_is_replaced_in_the_generation_that_was_read_alone(folder: ResultFolder) -> None:
    assert folder.read("claim.json") is None
    first = folder.replace("claim.json", b"1", generation=0)
    assert first is not None
    assert folder.read("claim.json") == (b"1", first)
    assert folder.generation_of("claim.json") == first
    assert folder.replace("claim.json", b"2", generation=0) is None
    second = folder.replace("claim.json", b"2", generation=first)
    assert second != first
    assert folder.replace("claim.json", b"2", generation=first) == second  # the answer was lost
    folder.delete("claim.json", generation=first)
    assert folder.read("claim.json") == (b"2", second)
    folder.delete("claim.json", generation=second)
    folder.delete("claim.json")
    assert folder.generation_of("claim.json") is None


def test_an_error_of_ours_is_read_as_it_was_written(
    as_operator: storage.Client, folder: ResultFolder
) -> None:
    error = JobError(family="unavailable", message="storage is away", hint="start again")
    folder.write_error(error)
    folder.write_error(error)
    assert parse_error(objects(as_operator, folder)["error.json"].decode()) == error


def test_a_bucket_out_of_reach_is_named(as_operator: storage.Client) -> None:
    nowhere = ResultFolder(as_operator, FolderUri(bucket="nowhere-at-all", prefix=""))
    for look in (nowhere.results, lambda: nowhere.write_error(JobError(family="", message="", hint=""))):
        with pytest.raises((Misconfigured, Denied), match="RESULT_URI `gs://nowhere-at-all/`"):
            look()
