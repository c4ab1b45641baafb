"""`symbolon emulator audit verify`: a yes with the number of lines, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.audit import HEAD_NAME, AuditLog
from tests.symbolon.conftest import Ask


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder whose emulator has decided three things."""
    log = AuditLog(tmp_path / "audit.jsonl", lambda: 0.0)
    for number in range(3):
        log.record(service="sts", method="token", principal="p", resource=str(number), granted=True)
    return tmp_path


def test_a_whole_log_is_said_to_be_whole(ask: Ask, state: Path) -> None:
    answered = ask("emulator", "audit", "verify", "--state", state)
    assert (answered.code, answered.out.splitlines()[0][:15]) == (0, "whole: 3 lines,")
    kept = state / "kept.head"
    kept.write_bytes((state / HEAD_NAME).read_bytes())
    answered = ask("emulator", "audit", "verify", "--state", state, "--head", kept, "--format", "json")
    assert (answered.code, answered.json["lines"], answered.json["from_kept_head"]) == (0, 3, True)


def test_a_log_that_was_cut_gets_one_line_and_exit_code_4(ask: Ask, state: Path) -> None:
    path = state / "audit.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    answered = ask("emulator", "audit", "verify", "--state", state)
    assert (answered.code, answered.out) == (4, "")
    assert answered.err == "error: the log ends after line 2, and its head was signed for 3\n"


def test_a_folder_without_a_log_is_misconfigured(ask: Ask, tmp_path: Path) -> None:
    answered = ask("emulator", "audit", "verify", "--state", tmp_path)
    assert answered.code == 7
    assert answered.err.startswith("error: no emulator has decided anything in this state folder\n")


def test_a_head_that_cannot_be_read_is_misconfigured(ask: Ask, state: Path) -> None:
    assert ask("emulator", "audit", "verify", "--state", state, "--head", state / "none").code == 7


@pytest.mark.parametrize("kept_elsewhere", [False, True])
def test_a_log_that_is_gone_is_no_folder_without_a_log(
    ask: Ask, state: Path, tmp_path: Path, kept_elsewhere: bool
) -> None:
    (state / "audit.jsonl").unlink()
    typed: list[object] = ["emulator", "audit", "verify", "--state", state]
    if kept_elsewhere:
        typed += ["--head", (state / HEAD_NAME).rename(tmp_path / "kept.head")]
    answered = ask(*typed)
    assert (answered.code, answered.out) == (4, "")
    assert answered.err == "error: the log is gone, and there is a head of it\n"


def test_a_log_that_cannot_be_read_is_misconfigured(ask: Ask, state: Path) -> None:
    (state / HEAD_NAME).unlink()
    (state / HEAD_NAME).mkdir()
    answered = ask("emulator", "audit", "verify", "--state", state)
    assert (answered.code, answered.out) == (7, "")
    assert answered.err.startswith("error: cannot read the audit log: is a directory\nhint: ")
