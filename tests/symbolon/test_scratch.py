"""What is gone at the end has a folder of its own; a disk without room is named at once."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from attestation.errors import Misconfigured
from symbolon.demo import model
from symbolon.scratch import require_room, scratch_folder
from tests.symbolon.conftest import Ask


@pytest.fixture
def nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every disk has three megabytes left."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=3_400_000))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made in this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_empty_private_and_gone_afterwards(temporary: Path) -> None:
    with scratch_folder(megabytes=1) as folder:
        assert (folder.parent, list(folder.iterdir())) == (temporary, [])
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "file").touch()
    assert list(temporary.iterdir()) == []


def test_a_disk_without_room_is_named_with_what_it_lacks(nearly_full: None, temporary: Path) -> None:
    with pytest.raises(Misconfigured) as error, scratch_folder(megabytes=80):
        raise AssertionError
    assert error.value.message == "the disk for temporary files has 3 MB free, and this needs about 80"
    assert error.value.hint == "make room, or name another disk: TMPDIR=/other/disk"
    assert list(temporary.iterdir()) == []
    require_room(temporary, 3, what="for this", variable="THIS")


def test_where_no_temporary_folder_can_be_made_it_is_nobodys_bug(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "gone"))
    with pytest.raises(Misconfigured, match="no folder for temporary files can be written"), scratch_folder():
        raise AssertionError


def test_the_demo_says_so_before_it_starts_anything(ask: Ask, nearly_full: None, tmp_path: Path) -> None:
    for typed in ([], ["--keep", tmp_path / "kept"]):
        answered = ask("demo", *typed)
        assert (answered.code, answered.out) == (7, "")
        assert "has 3 MB free, and this needs about 100" in answered.err


def test_the_demos_model_has_a_disk_of_its_own(nearly_full: None, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as error:
        model.make_model_archive(tmp_path)
    assert error.value.message == "the disk for the demo's model has 3 MB free, and this needs about 60"
    assert "XDG_CACHE_HOME" in error.value.hint


@pytest.mark.parametrize("word", ["ResourceExhaustedError: x", "OSError: [Errno 28] No space left on device"])
def test_a_disk_that_fills_up_while_the_model_is_made_is_no_bug(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = SimpleNamespace(returncode=1, stderr=f"Traceback\n{word}\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(Misconfigured, match="the disk for the demo's model is full"):
        model.make_model_archive(tmp_path)
