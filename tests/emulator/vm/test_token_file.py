"""The token file: replaced whole, and in time."""

from __future__ import annotations

import stat
from pathlib import Path
from threading import Event

from emulator.vm.token_file import TOKEN_FILE, TokenFile


def test_the_file_is_replaced_whole_and_readable_for_the_container(tmp_path: Path) -> None:
    tokens = iter(("first", "second"))
    file = TokenFile(tmp_path, lambda: next(tokens))
    path = tmp_path / TOKEN_FILE
    file.refresh()
    with path.open() as still_open:
        file.refresh()
        assert (still_open.read(), path.read_text()) == ("first", "second")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == [TOKEN_FILE]


def test_the_next_refresh_is_due_between_0_7_and_0_9_of_the_lifetime(tmp_path: Path) -> None:
    early = TokenFile(tmp_path, lambda: "t", uniform=lambda low, high: low).refresh()
    late = TokenFile(tmp_path, lambda: "t", uniform=lambda low, high: high).refresh()
    assert (round(early), round(late)) == (2520, 3240)


def test_the_file_is_kept_fresh_until_the_end(tmp_path: Path) -> None:
    until, minted = Event(), list[str]()

    def mint() -> str:
        minted.append("t")
        if len(minted) == 3:
            until.set()
        return "t"

    TokenFile(tmp_path, mint, uniform=lambda low, high: 0.0).keep_fresh(0.0, until)
    assert len(minted) == 3
