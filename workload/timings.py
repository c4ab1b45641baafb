"""What the time from the start of the process to the first row, and to the end, is made of.

Steps overlap, so each has its own beginning and end, in seconds since the process was started:
the interpreter's own start counts. The line that says so stands at the end of a job's log.
Times tell how large a model is, as the times of the log's own lines do; they tell nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from contract.results import JobTimings

_STAT = Path("/proc/self/stat")
_START_TIME = 21
"""The field's position in `stat`, counted from 0, in clock ticks since the machine was started."""


class Timings:
    """Spans of named steps, and named moments; threads may write it side by side.

    `clock` is in seconds, as is `started`, when the process was.
    """

    def __init__(self, *, started: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._started = started
        self._clock = clock
        self._lock = Lock()
        self._spans: dict[str, tuple[float, float | None]] = {}
        self._moments: dict[str, float] = {}

    @contextmanager
    def span(self, step: str) -> Iterator[None]:
        """The block is what `step` took, whether or not it ends well."""
        began = self._now()
        with self._lock:
            self._spans[step] = (began, None)
        try:
            yield
        finally:
            ended = self._now()
            with self._lock:
                self._spans[step] = (began, ended)

    def since_start(self, step: str) -> None:
        """`step` is what the process did from its start until now."""
        ended = self._now()
        with self._lock:
            self._spans[step] = (0.0, ended)

    def moment(self, name: str) -> None:
        """`name` happens now; the first time counts."""
        now = self._now()
        with self._lock:
            self._moments.setdefault(name, now)

    def so_far(self) -> JobTimings:
        """Every step in the order of beginning, every moment, and the time until now."""
        with self._lock:
            spans = sorted(self._spans.items(), key=lambda item: item[1][0])
            return JobTimings(whole_s=self._now(), steps=dict(spans), moments=dict(self._moments))

    def _now(self) -> float:
        return round(self._clock() - self._started, 3)


def process_started_at() -> float:
    """When this process was started, in seconds of `time.monotonic`, to a clock tick (10 ms).

    Source: proc_pid_stat(5), `starttime`.
    """
    # The second field, the program's name, stands in brackets and may hold blanks and brackets itself.
    fields = _STAT.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    ticks = int(fields[_START_TIME - 2])
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age_s
