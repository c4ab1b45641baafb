"""`operator results prove` gives a proof that `auditor receipt verify` takes, alone and for one row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.receipts import IMAGE, NOW, Draft, root
from tests.symbolon.conftest import Ask


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A job's folder, with its receipt."""
    folder = tmp_path / "results"
    folder.mkdir()
    draft = Draft()
    for name, data in {**draft.results, "receipt.json": draft.make()}.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("index", [0, 3, 31, 32, 39])
def test_a_row_is_proved_and_the_proof_is_accepted_without_the_rest(
    ask: Ask, results: Path, tmp_path: Path, index: int
) -> None:
    answered = ask("operator", "results", "prove", results, "--picture", f"photos/{index:06}.jpg")
    assert answered.code == 0
    proof, pem, receipt = tmp_path / "proof.json", tmp_path / "root.pem", tmp_path / "receipt.json"
    proof.write_text(answered.out, encoding="utf-8")
    pem.write_bytes(root().public_bytes(Encoding.PEM))
    receipt.write_bytes((results / "receipt.json").read_bytes())
    typed = ["--image-digest", IMAGE, "--root", pem, "--at", str(NOW), "--proof", proof]
    verified = ask("auditor", "receipt", "verify", receipt, *typed)
    assert verified.code == 0
    row = json.loads(verified.out.splitlines()[-1])
    assert ask("auditor", "receipt", "verify", receipt, *typed[:-2], "--row", proof).out == verified.out
    assert (row["image"], json.loads(answered.out)["index"]) == (f"photos/{index:06}.jpg", index)


def test_a_picture_that_has_no_row_is_named_with_an_example(ask: Ask, results: Path) -> None:
    answered = ask("operator", "results", "prove", results, "--picture", "cat.jpg")
    assert (answered.code, answered.out) == (7, "")
    assert answered.err == (
        "error: no row is of `cat.jpg`\nhint: name it as its row does, such as `photos/000000.jpg`\n"
    )


def test_a_name_that_json_writes_otherwise_is_found(ask: Ask, tmp_path: Path) -> None:
    draft = Draft()
    part = draft.results["result-00000.jsonl"].replace(b"photos/000005.jpg", b"photos/\\u00e4.jpg")
    (tmp_path / "result-00000.jsonl").write_bytes(part)
    (tmp_path / "result-00001.jsonl").write_bytes(draft.results["result-00001.jsonl"])
    (tmp_path / "receipt.json").write_bytes(draft.make())
    answered = ask("operator", "results", "prove", tmp_path, "--picture", "photos/ä.jpg")
    assert answered.err.startswith("error: the rows in ")  # found, and not the receipt's


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("receipt.json", "there is no `receipt.json`"),
        ("result-00001.jsonl", "`result-00001.jsonl` is not there"),
    ],
)
def test_what_is_missing_is_named(ask: Ask, results: Path, lost: str, said: str) -> None:
    (results / lost).unlink()
    answered = ask("operator", "results", "prove", results, "--picture", "photos/000000.jpg")
    assert (answered.code, answered.err.startswith(f"error: {said}")) == (7, True)


def test_a_name_of_cloud_storage_without_a_bucket_is_wrong_usage(ask: Ask) -> None:
    answered = ask("operator", "results", "prove", "gs://", "--picture", "cat.jpg")
    assert (answered.code, answered.out) == (2, "")
    assert "names no bucket" in answered.err


def test_rows_that_are_not_the_receipt_s_are_refused(ask: Ask, results: Path) -> None:
    part = results / "result-00000.jsonl"
    part.write_bytes(part.read_bytes().replace(b'"score": 0.25', b'"score": 0.75', 1))
    answered = ask("operator", "results", "prove", results, "--picture", "photos/000000.jpg")
    assert (answered.code, "are not those that its receipt was made for" in answered.err) == (7, True)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        pytest.param("\udcff", "no row is of ", id="a name that is no UTF-8"),
        pytest.param("photos/000007.jpg", "a row of the results is not UTF-8", id="a row that is none"),
    ],
)
def test_bytes_that_are_no_text_are_nobody_s_bug(ask: Ask, results: Path, picture: str, said: str) -> None:
    if picture.isascii():
        part = results / "result-00000.jsonl"
        part.write_bytes(part.read_bytes().replace(b'"class 2"', b'"cl\xffss 2"'))
    answered = ask("operator", "results", "prove", results, "--picture", picture)
    assert (answered.code, answered.out) == (7, "")
    assert answered.err.startswith(f"error: {said}")
