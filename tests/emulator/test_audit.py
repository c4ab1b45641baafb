"""Every decision is a line, the lines are what was decided in that order, and another log is found out."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.audit import HEAD_NAME, AuditLog, AuditLogBroken, verify_log


def decide(log: AuditLog, *, granted: bool, detail: Mapping[str, object] | None = None) -> None:
    log.record(service="sts", method="token", principal="p", resource="r", granted=granted, detail=detail)


def test_a_log_that_nobody_wrote_to_has_no_entries(tmp_path: Path) -> None:
    assert AuditLog(tmp_path / "audit.jsonl", lambda: 0.0).entries() == []


def test_a_disk_that_is_full_leaves_no_half_of_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_up(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Ed25519PrivateKey, "private_bytes_raw", fill_up)
        patch.setattr(Ed25519PrivateKey, "generate", lambda: Ed25519PrivateKey)
        with pytest.raises(OSError, match="No space left"):
            AuditLog(tmp_path / "audit.jsonl", lambda: 0.0)
    assert list(tmp_path.iterdir()) == []
    AuditLog(tmp_path / "audit.jsonl", lambda: 0.0)


def test_a_decision_is_a_line_under_the_names_of_cloud_audit_logs(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", lambda: 1_757_060_250.0625)
    decide(log, granted=False, detail={"reason": "two\nlines"})
    (line,) = log.path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "timestamp": "2025-09-05T08:17:30.062+00:00",
        "serviceName": "sts",
        "methodName": "token",
        "principal": "p",
        "resourceName": "r",
        "granted": False,
        "detail": {"reason": "two\nlines"},
        "previous": "0" * 64,
    }


def test_later_decisions_come_after_earlier_ones_in_a_new_process_too(tmp_path: Path) -> None:
    for granted in (True, False):
        decide(AuditLog(tmp_path / "audit.jsonl", lambda: 0.0), granted=granted)
    entries = AuditLog(tmp_path / "audit.jsonl", lambda: 0.0).entries()
    assert [(each["granted"], "detail" in each) for each in entries] == [(True, False), (False, False)]


Lines = list[bytes]


def written(folder: Path, count: int = 6) -> AuditLog:
    """A log of so many decisions, each with its number."""
    log = AuditLog(folder / "audit.jsonl", lambda: 0.0)
    for number in range(count):
        decide(log, granted=True, detail={"number": number})
    return log


def changed(folder: Path, change: Callable[[Lines], Lines]) -> None:
    path = folder / "audit.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in change(path.read_bytes().splitlines())))


def test_a_log_that_is_whole_has_its_head(tmp_path: Path) -> None:
    written(tmp_path)
    kept = (tmp_path / HEAD_NAME).read_bytes()
    assert verify_log(tmp_path).lines == 6
    written(tmp_path)
    assert verify_log(tmp_path, kept=kept).lines == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda lines: lines[1:], "line 1 does not follow", id="the first line is dropped"),
        pytest.param(lambda lines: lines[:2] + lines[3:], "line 3 does not follow", id="a line is dropped"),
        pytest.param(
            lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "line 3", id="two lines change places"
        ),
        pytest.param(
            lambda lines: [*lines[:2], lines[2].replace(b"true", b"false"), *lines[3:]],
            "line 4 does not follow",
            id="a line is edited",
        ),
        pytest.param(
            lambda lines: [*lines[:-1], lines[-1].replace(b"true", b"false")],
            "line 6 is not the one that the head was signed for",
            id="the last line is edited",
        ),
        pytest.param(lambda lines: lines[:-1], "ends after line 5", id="the last line is cut off"),
        pytest.param(
            lambda lines: [*lines[:-1], lines[-1][:40]], "line 6", id="half of the last line is cut off"
        ),
        pytest.param(lambda lines: [], "ends after line 0", id="all lines are cut off"),
        pytest.param(lambda lines: [*lines, b"{}"], "line 7", id="a line is added"),
        pytest.param(lambda lines: [*lines, lines[-1]], "line 7", id="the last line is there twice"),
    ],
)
def test_a_log_that_was_changed_is_found_out(
    tmp_path: Path, change: Callable[[Lines], Lines], said: str
) -> None:
    written(tmp_path)
    changed(tmp_path, change)
    with pytest.raises(AuditLogBroken, match=said):
        verify_log(tmp_path)


def test_an_added_line_that_follows_is_found_out_by_the_head(tmp_path: Path) -> None:
    written(tmp_path)
    head = (tmp_path / HEAD_NAME).read_bytes()
    written(tmp_path, 1)
    (tmp_path / HEAD_NAME).write_bytes(head)
    with pytest.raises(AuditLogBroken, match="line 7 was added"):
        verify_log(tmp_path)


def test_the_next_process_vouches_for_nothing_that_was_changed(tmp_path: Path) -> None:
    """Lines are cut off while no emulator runs: what it writes then does not make the log whole again."""
    written(tmp_path)
    changed(tmp_path, lambda lines: lines[:3])
    written(tmp_path, 3)
    with pytest.raises(AuditLogBroken, match="line 4 does not follow"):
        verify_log(tmp_path)


def test_a_log_without_its_head_is_not_whole_nor_becomes_so(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / HEAD_NAME).unlink()
    with pytest.raises(AuditLogBroken, match="no head"):
        verify_log(tmp_path)
    written(tmp_path, 1)
    with pytest.raises(AuditLogBroken, match="line 7 does not follow"):
        verify_log(tmp_path)


def test_a_process_that_is_killed_between_its_two_writes_leaves_a_log_that_goes_on(tmp_path: Path) -> None:
    written(tmp_path)
    head = (tmp_path / HEAD_NAME).read_bytes()
    written(tmp_path, 1)
    (tmp_path / HEAD_NAME).write_bytes(head)
    written(tmp_path, 1)
    assert verify_log(tmp_path).lines == 8


def test_a_log_that_is_taken_back_is_found_out_by_a_head_that_was_kept(tmp_path: Path) -> None:
    written(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written(tmp_path, 2)
    kept = (tmp_path / HEAD_NAME).read_bytes()
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    assert verify_log(tmp_path).lines == 6
    with pytest.raises(AuditLogBroken, match="does not go on from the head that was kept, of line 8"):
        verify_log(tmp_path, kept=kept)


def test_another_log_under_another_key_is_found_out_by_a_head_that_was_kept(tmp_path: Path) -> None:
    written(tmp_path)
    kept = (tmp_path / HEAD_NAME).read_bytes()
    for path in tmp_path.iterdir():
        path.unlink()
    written(tmp_path)
    assert verify_log(tmp_path).lines == 6
    with pytest.raises(AuditLogBroken, match="not signed by this emulator's key"):
        verify_log(tmp_path, kept=kept)


@pytest.mark.parametrize("head", [b"", b"{}", b"[]", b"\xff", b'{"lines": 1}'])
def test_what_is_no_head_is_said_to_be_none(tmp_path: Path, head: bytes) -> None:
    written(tmp_path)
    with pytest.raises(AuditLogBroken, match="not one that an emulator writes"):
        verify_log(tmp_path, kept=head)


def test_the_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    written(tmp_path)
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_last_line_that_was_cut_is_found_out_be_it_by_its_end_alone(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path).path
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(AuditLogBroken):
        verify_log(tmp_path)


def test_what_is_no_key_verifies_nothing(tmp_path: Path) -> None:
    path = written(tmp_path).path
    path.with_name("audit.key").write_bytes(b"short")
    with pytest.raises(AuditLogBroken, match="is no key"):
        verify_log(tmp_path)
