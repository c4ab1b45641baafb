"""Every decision is a line, and the lines are what was decided, in that order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from emulator.audit import AuditLog


def decide(log: AuditLog, *, granted: bool, detail: Mapping[str, object] | None = None) -> None:
    log.record(service="sts", method="token", principal="p", resource="r", granted=granted, detail=detail)


def test_a_log_that_nobody_wrote_to_has_no_entries(tmp_path: Path) -> None:
    assert AuditLog(tmp_path / "audit.jsonl", lambda: 0.0).entries() == []


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
    }


def test_later_decisions_come_after_earlier_ones_in_a_new_process_too(tmp_path: Path) -> None:
    for granted in (True, False):
        decide(AuditLog(tmp_path / "audit.jsonl", lambda: 0.0), granted=granted)
    entries = AuditLog(tmp_path / "audit.jsonl", lambda: 0.0).entries()
    assert [(each["granted"], "detail" in each) for each in entries] == [(True, False), (False, False)]
