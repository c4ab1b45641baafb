"""A broker's command leaves the process as it found it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from symbolon.__main__ import main
from symbolon.broker.privately import privately


def mask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_what_is_written_within_is_for_nobody_else_and_no_core_is_dumped(tmp_path: Path) -> None:
    with privately():
        (tmp_path / "written").write_text("")
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    assert (tmp_path / "written").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "words", [("serve", "none"), ("init", "x", "--url", "https://b", "--owner-key", "none")]
)
def test_afterwards_all_is_as_it_was(words: tuple[str, ...], tmp_path: Path) -> None:
    before = mask(), resource.getrlimit(resource.RLIMIT_CORE)
    assert main(["broker", *words[:1], str(tmp_path / words[1]), *words[2:]]) == 7
    assert (mask(), resource.getrlimit(resource.RLIMIT_CORE)) == before
