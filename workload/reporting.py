"""What a person sees while the job runs: one JSON object a line, and a bar on a terminal.

Cloud Logging reads `severity` and `message` of such a line by itself. A line may name the
operator's own objects; it never holds a token, or anything of the model.

Source: Cloud Logging documentation, "Structured logging".
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TextIO

_EVERY_S = 5.0
_BAR_WIDTH = 30


def say(message: str, *, severity: str = "INFO", **fields: object) -> None:
    """One line is on standard output, in one write: a library may write to the same pipe meanwhile."""
    print(json.dumps({"severity": severity, "message": message, **fields}) + "\n", end="", flush=True)


class Progress:
    """How far `total` pictures have come: a line every few seconds, or a bar where `terminal` is one."""

    def __init__(
        self, total: int, *, clock: Callable[[], float] = time.monotonic, terminal: TextIO = sys.stderr
    ) -> None:
        self._total = total
        self._done = 0
        self._clock = clock
        self._started = self._said = clock()
        self._terminal = terminal if terminal.isatty() else None

    def advance(self) -> None:
        """One picture more is done."""
        self._done += 1
        now = self._clock()
        if self._done < self._total and now - self._said < (0.1 if self._terminal else _EVERY_S):
            return
        self._said = now
        rate = self._done / max(now - self._started, 1e-6)
        left_s = (self._total - self._done) / rate
        if self._terminal is None:
            say(
                f"{self._done} of {self._total} pictures",
                done=self._done,
                total=self._total,
                pictures_per_second=round(rate, 1),
                seconds_left=round(left_s),
            )
            return
        filled = "█" * (_BAR_WIDTH * self._done // self._total)
        end = "\n" if self._done == self._total else ""
        line = f"\r{filled:░<{_BAR_WIDTH}} {self._done}/{self._total}  {rate:.0f}/s  {left_s:.0f} s left "
        self._terminal.write(line + end)
        self._terminal.flush()
