"""What a job says of its own time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from contract.results import render_timings
from workload.timings import Timings, process_started_at


class Clock:
    """Shows what it was set to."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_steps_that_overlap_have_each_their_own_beginning_and_end() -> None:
    clock = Clock(100.5)
    timings = Timings(started=100.0, clock=clock)
    timings.since_start("start")
    with timings.span("import"):
        clock.now = 101.0
        with timings.span("fetch"):
            clock.now = 102.25
        clock.now = 103.0
    timings.moment("first_row")
    clock.now = 104.0
    timings.moment("first_row")
    with timings.span("infer"):
        assert json.loads(json.dumps(render_timings(timings.so_far()))) == {
            "format": 1,
            "first_row_s": 3.0,
            "whole_s": 4.0,
            "steps": {"start": [0.0, 0.5], "import": [0.5, 3.0], "fetch": [1.0, 2.25], "infer": [4.0, None]},
        }


def test_a_step_that_fails_has_an_end_too() -> None:
    clock = Clock(0.0)
    timings = Timings(started=0.0, clock=clock)
    with pytest.raises(ZeroDivisionError), timings.span("fetch"):
        clock.now = 2.0
        raise ZeroDivisionError
    assert timings.so_far().steps == {"fetch": (0.0, 2.0)}


def test_steps_of_many_threads_are_all_kept() -> None:
    timings = Timings(started=time.monotonic())
    together = threading.Barrier(8, timeout=10)

    def take(step: str) -> None:
        with timings.span(step):
            together.wait()

    threads = [threading.Thread(target=take, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = timings.so_far().steps
    assert set(steps) == {str(number) for number in range(8)}


def test_the_interpreters_own_start_counts() -> None:
    before = time.monotonic()
    root = Path(__file__).parents[2]
    seen = subprocess.run(
        [sys.executable, "-c", "import workload.timings as t; print(t.process_started_at())"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    # A clock tick is the most by which it can be wrong.
    assert before - 0.011 <= float(seen.stdout) <= time.monotonic()
    assert process_started_at() < before
