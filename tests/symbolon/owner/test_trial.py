"""`symbolon owner trial`: the owner's image on the owner's photos, with nothing left of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from attestation.errors import ExitCode
from symbolon.owner import trial as program
from tests.symbolon.conftest import Ask
from tests.symbolon.owner.conftest import NAMES


@pytest.fixture
def mine(ask: Ask, colours: Path, tmp_path: Path) -> Path:
    """The folder of an owner whose model says `red`, `green` or `blue`."""
    said = ("--convention", "unit", "--scores", "softmax", "--labels", colours.parent / "names.txt")
    answered = ask("owner", "init", colours, "--output", tmp_path / "mine", *NAMES, *said)
    assert answered.code == 0, answered.err
    return tmp_path / "mine"


def test_each_photo_has_its_row_by_the_workload_and_nothing_is_left(
    ask: Ask, mine: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = dict(os.environ)
    answered = ask("owner", "trial", mine, "--photos", photos, "--top-k", "2", "--format", "json")
    assert answered.code == 0, answered.err
    assert answered.json["pinned"] is True
    rows = {row["image"]: row for row in answered.json["rows"]}
    assert list(rows) == ["blue.png", "broken.png", "green.png", "red.png"]
    assert rows["broken.png"]["error"]["code"] == "not-a-picture"
    for colour in ("red", "green", "blue"):
        best = rows[f"{colour}.png"]["top_k_predictions"]
        assert (best[0]["label"], best[0]["score"]) == (colour, 0.4269)
        assert len(best) == 2
    assert list((tmp_path / "temporary").iterdir()) == []
    assert dict(os.environ) == before


def test_a_person_reads_a_table_and_that_the_terms_pin_another_model(
    ask: Ask, mine: Path, photos: Path
) -> None:
    terms = mine / "terms.toml"
    digest = next(line for line in terms.read_text().splitlines() if line.startswith("sha256"))
    terms.write_text(terms.read_text().replace(digest, f'sha256 = "{"0" * 64}"'))
    answered = ask("owner", "trial", mine, "--photos", photos)
    assert answered.code == 0, answered.err
    assert "  red.png    red 0.4269" in answered.out
    assert "3 of 3 photos read by the workload" in answered.out
    assert "the model is another than the terms pin" in answered.out


def test_where_no_photo_can_be_read_the_answer_is_no(ask: Ask, mine: Path, photos: Path) -> None:
    for photo in photos.iterdir():
        photo.write_bytes(b"no picture")
    answered = ask("owner", "trial", mine, "--photos", photos)
    assert answered.code == ExitCode.ANSWERED_NO, answered.err
    assert "0 of 3 photos" in answered.out


def test_more_than_the_terms_allow_is_refused_by_the_workload_s_own_words(
    ask: Ask, mine: Path, photos: Path
) -> None:
    answered = ask("owner", "trial", mine, "--photos", photos, "--top-k", "9")
    assert answered.code == ExitCode.MISCONFIGURED
    assert answered.err == (
        "error: TOP_K `9` is more than the owner's terms allow\n"
        "hint: ask for at most 4: set `tee-env-TOP_K=4`\n"
    )


def test_what_is_missing_is_said_before_anything_is_started(
    ask: Ask, mine: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(program, "raised", None)
    for folder, shown, said in (
        (mine, tmp_path / "gone", "there is no folder"),
        (tmp_path, photos, "there is no `terms.toml`"),
    ):
        answered = ask("owner", "trial", folder, "--photos", shown)
        assert answered.code == ExitCode.MISCONFIGURED
        assert said in answered.err
    with monkeypatch.context() as patch:
        patch.setattr(program, "photos_in", lambda folder: (folder / "gone.png",))
        answered = ask("owner", "trial", mine, "--photos", photos)
        assert answered.code == ExitCode.MISCONFIGURED
        assert "cannot read the photo `gone.png`: no such file" in answered.err
    monkeypatch.setattr(program, "MOST_PHOTOS", 2)
    assert "a trial takes 2" in ask("owner", "trial", mine, "--photos", photos).err
    monkeypatch.setattr(program, "MOST_PHOTOS", 3)
    monkeypatch.setattr(program, "_IN_THE_IMAGE", ("no_such_module",))
    answered = ask("owner", "trial", mine, "--photos", photos)
    assert answered.code == ExitCode.MISCONFIGURED
    assert "hint: make the environment that has it: scripts/environment demo" in answered.err


def test_the_machine_holds_the_model_s_files_twice() -> None:
    from deploy.resources import Project, operator_of

    operator = operator_of(Project(project_id="secundus", number="1"))
    small = program._vm(operator, "image", 1 << 20, None, is_packed=False)
    assert (small.machine_type, small.scratch_kib) == ("n2d-standard-2", (2 << 10) + (64 << 10))
    large = program._vm(operator, "image", 10 << 30, 3, is_packed=False)
    assert (large.machine_type, large.environment["TOP_K"]) == ("n2d-standard-8", "3")
