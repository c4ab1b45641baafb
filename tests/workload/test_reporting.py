"""What a person sees while the job runs."""

from __future__ import annotations

import io
import json

import pytest

from workload.reporting import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_line_every_few_seconds_and_one_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    progress = Progress(100, clock=lambda: now, terminal=io.StringIO())
    for _ in range(100):
        now += 0.125
        progress.advance()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["done"] for line in lines] == [40, 80, 100]
    assert lines[0] == {
        "severity": "INFO",
        "message": "40 of 100 pictures",
        "done": 40,
        "total": 100,
        "pictures_per_second": 8.0,
        "seconds_left": 8,
    }


def test_on_a_terminal_there_is_a_bar_and_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    terminal = Terminal()
    progress = Progress(4, clock=lambda: now, terminal=terminal)
    for _ in range(4):
        now += 1.0
        progress.advance()
    assert capsys.readouterr().out == ""
    assert terminal.getvalue().count("\r") == 4
    assert " 2/4  1/s  2 s left " in terminal.getvalue()
    assert terminal.getvalue().endswith("\n")
