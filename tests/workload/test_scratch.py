"""Scratch space: gone at the end, and in the memory that was meant for it, or nowhere."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from workload import scratch


def test_a_folder_is_gone_at_the_end_whatever_happened() -> None:
    with pytest.raises(ZeroDivisionError), scratch.scratch_folder() as folder:
        (folder / "model").mkdir()
        raise ZeroDivisionError
    assert not folder.exists()


def test_a_folder_that_is_still_in_use_can_be_cleared() -> None:
    with scratch.scratch_folder() as folder:
        (folder / "model").mkdir()
        scratch.clear()
        assert not folder.exists()


def test_scratch_is_where_it_was_meant_to_be_or_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python itself would take `/tmp`, which in the image is no memory."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    for make in (scratch.scratch_file, lambda: scratch.scratch_folder().__enter__()):
        with pytest.raises(FileNotFoundError):
            make()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with scratch.scratch_folder() as folder, scratch.scratch_file() as file:
        assert folder.parent == tmp_path
        assert os.fstat(file.fileno()).st_dev == tmp_path.stat().st_dev


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_scratch_that_is_full_is_misconfigured(number: int) -> None:
    with pytest.raises(Misconfigured, match="the model does not fit"), scratch.room_for("the model"):
        raise OSError(number, "full")


def test_another_failure_is_what_it_is() -> None:
    with pytest.raises(PermissionError), scratch.room_for("the model"):
        raise PermissionError
