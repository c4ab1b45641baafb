"""`operator results show`: every row in every form, and files that are whole or not there."""

from __future__ import annotations

import csv
import errno
import io
import json
from pathlib import Path
from typing import Any

import pytest

from contract.job import JobRecord, LeftOut, ListedPicture, render_job
from contract.results import JobError, PictureError, Prediction, Row, render_error
from contract.uris import parse_folder_uri
from symbolon.operator.showing import read_results, render_csv
from tests.receipts import IMAGE, INPUT, PICTURES, RESULT, UNREADABLE, results_of
from tests.symbolon.conftest import Ask


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A finished job's folder, as it was copied from a bucket."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name, data in {**results_of(PICTURES), "receipt.json": b"{}"}.items():
        (folder / name).write_bytes(data)
    return folder


def listed(folder: Path, pictures: int) -> None:
    """The folder has the job's record, of so many pictures."""
    job = JobRecord(
        image_digest=IMAGE,
        terms_digest=IMAGE,
        input=parse_folder_uri(INPUT, where=""),
        result=parse_folder_uri(RESULT, where=""),
        top_k=1,
        pictures=tuple(ListedPicture(name=f"{i}.jpg", generation=1, size=1) for i in range(pictures)),
        left_out=LeftOut(),
    )
    (folder / "job.json").write_bytes(render_job(job, token="t"))


def test_a_person_sees_each_picture_with_its_best_classes(ask: Ask, results: Path) -> None:
    answered = ask("operator", "results", "show", results)
    assert answered.code == 0
    *lines, blank, last = answered.out.splitlines()
    assert (len(lines), blank) == (PICTURES, "")
    assert last == (
        f"{PICTURES} of {PICTURES} pictures, {UNREADABLE} of them could not be read;"
        " not verified: `symbolon auditor receipt verify` does that"
    )
    assert lines[0].startswith("photos/000000.jpg")


def test_a_job_that_is_not_finished_says_how_far_it_is(ask: Ask, results: Path) -> None:
    (results / "receipt.json").unlink()
    listed(results, 100)
    answered = ask("operator", "results", "show", results)
    assert f"{PICTURES} of 100 pictures" in answered.out
    assert "the job is not finished" in answered.out
    document = ask("operator", "results", "show", results, "--format", "json").json
    assert (document["listed"], document["finished"], document["image_digest"]) == (100, False, IMAGE)


def test_a_program_reads_every_row(ask: Ask, results: Path) -> None:
    answered = ask("operator", "results", "show", results, "--format", "json")
    images = answered.json["pictures"]
    assert [image["picture"] for image in images] == [f"photos/{i:06}.jpg" for i in range(PICTURES)]
    assert sum("error" in image for image in images) == UNREADABLE
    assert all(
        {"class_index", "label", "score"} == each.keys()
        for image in images[UNREADABLE:]
        for each in image["classes"]
    )


def test_a_spreadsheet_reads_a_line_a_class(ask: Ask, results: Path) -> None:
    answered = ask("operator", "results", "show", results, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(answered.out)))
    assert len({line["picture"] for line in lines}) == PICTURES
    assert sum(bool(line["error"]) for line in lines) == UNREADABLE
    first = lines[UNREADABLE]
    assert (first["rank"], first["error"]) == ("1", "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x"])
def test_nothing_of_it_is_a_formula(text: str) -> None:
    one = Prediction(class_index=1, score=0.5, label=text)
    rows = [
        Row(picture=text, generation=1, predictions=(one,)),
        Row(picture="x", generation=1, error=PictureError(code="c", message=text)),
    ]
    found = list(csv.reader(io.StringIO(render_csv(rows))))[1:]
    assert [found[0][0], found[0][4], found[1][6]] == [f"'{text}"] * 3


def test_a_name_with_a_line_end_is_one_line() -> None:
    one = Prediction(class_index=1, score=0.5, label="a\r\n=b")
    text = render_csv([Row(picture="\r=x", generation=1, predictions=(one,))])
    assert text.splitlines()[1] == "\\r=x,1,1,1,a\\r\\n=b,0.5,"


def test_files_are_written_whole_and_named(ask: Ask, results: Path, tmp_path: Path) -> None:
    into = tmp_path / "new" / "june"
    answered = ask("operator", "results", "show", results, "--output", into, "--photos", tmp_path)
    names = ["results.csv", "results.json", "results.html"]
    assert answered.out.splitlines() == [str(into / name) for name in names]
    assert sorted(path.name for path in into.iterdir()) == sorted(names)
    assert len(json.loads((into / "results.json").read_text())["pictures"]) == PICTURES
    assert (into / "results.html").read_text().count("<article") == PICTURES


def test_a_folder_that_cannot_be_written_to_is_said_in_one_line(
    ask: Ask, results: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    answered = ask("operator", "results", "show", results, "--output", tmp_path / "file" / "x")
    assert answered.code == 7
    assert answered.err.startswith("error: cannot write into")
    assert len(answered.err.splitlines()) == 2


def test_a_disk_that_fills_up_keeps_no_half_of_a_file(
    ask: Ask, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text

    def fill_up(self: Path, text: str, **how: Any) -> int:
        write(self, text[:9], **how)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_up)
    answered = ask("operator", "results", "show", results, "--output", tmp_path / "june")
    assert (answered.code, list((tmp_path / "june").iterdir())) == (7, [])
    assert "no space left on device" in answered.err


def test_where_there_are_none_it_says_why(ask: Ask, tmp_path: Path) -> None:
    answered = ask("operator", "results", "show", tmp_path)
    assert (answered.code, answered.err.startswith("error: there are no results in ")) == (7, True)
    assert "is it the folder that the job was launched with?" in answered.err
    error = JobError(family="denied", message="STS refuses", hint="ask")
    (tmp_path / "error.json").write_text(render_error(error))
    answered = ask("operator", "results", "show", tmp_path)
    assert "hint: its job ended as `denied`: STS refuses\n" in answered.err


def test_what_is_none_of_ours_is_refused(ask: Ask, results: Path) -> None:
    (results / "result-00001.jsonl").write_bytes(b"{}\n")
    answered = ask("operator", "results", "show", results)
    assert (answered.code, "`result-00001.jsonl` is not a part" in answered.err) == (7, True)


def test_a_record_of_another_version_is_passed_over(results: Path) -> None:
    (results / "job.json").write_bytes(b"{}")
    found = read_results(str(results))
    assert (found.job, found.expected) == (None, PICTURES)
