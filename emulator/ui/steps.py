"""The lines that a launcher and its workload wrote, as steps: from Cloud Logging, or from the serial port."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_INITIATING: Final = "TEE container launcher initiating"
_SERIAL: Final = re.compile(r'time=(\S+) level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+)')

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line that the launcher or its workload said. `at` is in seconds since the epoch, or not recorded."""

    at: float | None
    by: str
    severity: str
    name: str
    words: str


def exit_code_of(step: Step) -> int | None:
    found = re.fullmatch(r"exit code (\d+)(?:: .*)?", step.words) if step.name == "end" else None
    return int(found[1]) if found else None


def starts_of(steps: Sequence[tuple[str, Step]]) -> list[list[tuple[str, Step]]]:
    starts: list[list[tuple[str, Step]]] = []
    for each in steps:
        if not starts or each[1].words == _INITIATING:
            starts.append([])
        starts[-1].append(each)
    return starts


def parse_logged(line: Document, payload: Document) -> Step:
    """A line of Cloud Logging: the launcher's, or one of its workload's."""
    at = seconds_of(str(line.get("timestamp", "")))
    severity = str(line.get("severity", "INFO"))
    if "MESSAGE" in payload:
        return _launcher_step(at, severity, str(payload["MESSAGE"]), payload)
    return _workload_step(at, severity, str(payload.get("message", "")))


def parse_serial(line: str) -> Step | None:
    found = _SERIAL.match(line)
    if found is None:
        return _workload_step(None, "INFO", line) if line.startswith("{") else None
    words = found[3]
    if words.startswith('"'):
        try:
            words = str(json.loads(words))
        except ValueError:
            words = words.strip('"')
    said = dict(re.findall(r" (\w+)=(\"(?:[^\"\\]|\\.)*\"|\S*)", line[found.end() :]))
    return _launcher_step(seconds_of(found[1]), found[2], words, said)


def _launcher_step(at: float | None, severity: str, words: str, said: Document) -> Step:
    name = ""
    if words == _INITIATING:
        name = "start"
    elif words == "TEE container launcher exiting":
        name = "exit"
        words = f"{words}: {said.get('exit_msg', '')}".strip('": ')
    elif words.startswith("refreshing attestation verifier"):
        name = "measure"
    elif words == "workload task ended and returned 0":
        name, words = "end", "exit code 0"
    return Step(at=at, by="launcher", severity=severity, name=name, words=words.strip())


def _workload_step(at: float | None, severity: str, text: str) -> Step:
    try:
        said = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Step(at=at, by="workload", severity="DEBUG", name="", words=text)
    words, severity = str(said.get("message", "")), str(said.get("severity", severity))
    if isinstance(said.get("exit_code"), int):
        return Step(
            at=at,
            by="workload",
            severity=severity,
            name="end",
            words=f"exit code {said['exit_code']}: {words}",
        )
    return Step(at=at, by="workload", severity=severity, name=str(said.get("step", "")), words=words)


def seconds_of(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def mapping_of(value: object) -> Document:
    return value if isinstance(value, dict) else {}
