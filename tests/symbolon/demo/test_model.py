"""The demo's model: the published weights, in TensorFlow, answering as their PyTorch original does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from symbolon.demo.model import cache_folder, make_model_archive, pack, usable_cache
from symbolon.demo.photos import PHOTOS

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def archive(model_cache: Path) -> Path:
    return make_model_archive(model_cache)


@pytest.fixture(scope="session")
def answers(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the archive's model says of each photo."""
    folder = tmp_path_factory.mktemp("model")
    with tarfile.open(archive) as tar:
        tar.extraction_filter = lambda member, _folder: member  # made a moment ago, by ourselves
        tar.extractall(folder)
    photos = [f"{photo.name}={photo.path}" for photo in PHOTOS]
    done = subprocess.run(
        [sys.executable, HERE / "classify.py", folder, *photos],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return json.loads(done.stdout)


def test_its_logits_are_those_of_the_pytorch_original(answers: Any) -> None:
    reference = json.loads((HERE / "efficientnet_lite0_logits.json").read_text())
    assert len(reference) == 2
    for name, logits in reference.items():
        for index, logit in logits.items():
            assert answers[name]["middle"][int(index)] == pytest.approx(logit, abs=1e-5)


def test_each_photo_shows_what_it_is_said_to_show(archive: Path, answers: Any) -> None:
    with tarfile.open(archive) as tar:
        labels = tar.extractfile("labels.txt")
        assert labels is not None
        names = labels.read().decode().splitlines()
    assert len(names) == 1000
    assert {name: names[answer["class"]] for name, answer in answers.items()} == {
        photo.name: photo.shows for photo in PHOTOS
    }


def test_the_archive_is_the_same_wherever_it_is_made(archive: Path, tmp_path: Path) -> None:
    again = make_model_archive(tmp_path)
    assert again.parent.name == archive.parent.name
    assert again.read_bytes() == archive.read_bytes()
    assert [path.name for path in again.parent.iterdir()] == ["model.tar.gz"]


def test_an_archive_that_is_there_is_not_made_again(
    archive: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolon.demo.model.subprocess", None)
    assert make_model_archive(model_cache) == archive


def test_a_packed_folder_has_no_times_owners_or_order_of_its_own(tmp_path: Path) -> None:
    names = [f"{number % 3}/{number * 7919}" for number in range(40)]
    for name in names:
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / name).write_text(name)
    pack(tmp_path / "a", tmp_path / "a.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes()[4:8] == bytes(4)  # gzip's own time
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(names)
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}


@pytest.mark.parametrize(("home", "folder"), [("/elsewhere", "/elsewhere/symbolon"), ("relative", None)])
def test_the_cache_is_the_user_s(monkeypatch: pytest.MonkeyPatch, home: str, folder: str | None) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    assert cache_folder() == (Path(folder) if folder else Path.home() / ".cache" / "symbolon")


def test_photos_are_found_without_importing_what_carries_them() -> None:
    find = "import sys, symbolon.demo.photos as p; [photo.path.stat() for photo in p.PHOTOS]"
    program = f"{find}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"skimage", "sklearn", "numpy"} & set(done.stdout.split())


def test_where_the_cache_cannot_be_written_to_another_folder_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert usable_cache(otherwise=tmp_path / "story") == tmp_path / "symbolon"
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert usable_cache(otherwise=tmp_path / "story") == tmp_path / "story"
