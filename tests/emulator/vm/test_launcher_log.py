"""The launcher's log: for people a line, for Cloud Logging an entry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from emulator.vm.launcher_log import LauncherLog
from emulator.vm.serial_log import SerialLog


def test_a_message_has_its_values_in_both_places(tmp_path: Path) -> None:
    sent: list[tuple[str, Mapping[str, object]]] = []
    serial = SerialLog(tmp_path / "serial.log")
    log = LauncherLog(serial, lambda: 1_757_060_250.25, lambda *entry: sent.append(entry))
    log.info("workload task started")
    log.error('no "image"', exit_code=1, cmd=["a", "b c"], digest="sha256:0")
    time = "time=2025-09-05T08:17:30.250Z"
    assert serial.read(0)[1] == (
        f'{time} level=INFO msg="workload task started"\n'
        f'{time} level=ERROR msg="no \\"image\\"" exit_code=1 cmd="[a b c]" digest=sha256:0\n'
    )
    assert sent == [
        ("INFO", {"MESSAGE": "workload task started"}),
        ("ERROR", {"MESSAGE": 'no "image"', "exit_code": 1, "cmd": ["a", "b c"], "digest": "sha256:0"}),
    ]
