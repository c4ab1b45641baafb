"""A file that is written is whole, and one that is so already is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from symbolon.whole_files import write


def test_what_is_written_is_whole_and_what_is_so_already_is_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert write(folder, {"a": "1\n", "b": "2\n"}) == ("a", "b")
    assert write(folder, {"a": "1\n", "b": "3\n"}) == ("b",)
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]
    assert (folder / "a").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="cannot write to"):
        write(tmp_path / "file", {"a": ""})
