"""A line is a step of whoever wrote it, at the time that was recorded; any other line stays a line."""

from __future__ import annotations

import pytest

from emulator.ui.steps import exit_code_of, parse_logged, parse_serial, seconds_of, starts_of
from tests.emulator.ui.samples import EVIL, launcher, says

BEGINS = "TEE container launcher initiating"


@pytest.mark.parametrize(
    ("line", "by", "name", "words"),
    [
        (
            launcher(1, BEGINS),
            "launcher",
            "start",
            "TEE container launcher initiating",
        ),
        (launcher(1, "workload task ended and returned 0"), "launcher", "end", "exit code 0"),
        (says(1, step="infer", message="running"), "workload", "infer", "running"),
        (says(1, message="no", exit_code=7), "workload", "end", "exit code 7: no"),
        ({"jsonPayload": {"message": EVIL}}, "workload", "", EVIL),
        ({"jsonPayload": {"message": "{broken"}}, "workload", "", "{broken"),
        ({}, "workload", "", ""),
    ],
)
def test_a_line_of_cloud_logging_is_a_step(line: dict[str, object], by: str, name: str, words: str) -> None:
    payload = line.get("jsonPayload", {})
    assert isinstance(payload, dict)
    step = parse_logged(line, payload)
    assert (step.by, step.name, step.words) == (by, name, words)


def test_a_line_of_the_serial_port_has_the_launchers_time_alone() -> None:
    said = parse_serial('time=2026-11-27T04:04:31.685Z level=ERROR msg="it \\"failed\\"" n=1')
    assert said is not None
    assert (said.at, said.severity, said.words) == (
        seconds_of("2026-11-27T04:04:31.685Z"),
        "ERROR",
        'it "failed"',
    )
    of_the_workload = parse_serial('{"message": "running", "step": "infer"}')
    assert of_the_workload is not None
    assert (of_the_workload.at, of_the_workload.name) == (None, "infer")
    assert parse_serial("Booting the kernel") is None


def test_each_start_is_one_of_its_own() -> None:
    lines = [launcher(1, BEGINS), says(2, message="no", exit_code=5)] * 2
    steps = [("vm", parse_logged(line, line["jsonPayload"])) for line in lines]
    starts = starts_of(steps)
    assert [len(each) for each in starts] == [2, 2]
    assert exit_code_of(starts[1][1][1]) == 5
    assert exit_code_of(starts[1][0][1]) is None
    assert starts_of([]) == []


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_a_time_that_is_none_is_not_recorded(text: str) -> None:
    assert seconds_of(text) is None
