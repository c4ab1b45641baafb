"""Time that many questions share: what no longer fits into it is not decided, and says so."""

from __future__ import annotations

import time
from collections.abc import Callable


class Allowance:
    """`seconds` from now on, by `clock`, which counts seconds from any time."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = clock() + seconds

    @property
    def left_s(self) -> float:
        """What is left, in seconds; nothing, or less, when it is spent."""
        return self._until - self._clock()

    @property
    def spent(self) -> str:
        """Why a question is not decided, in one line."""
        return f"budget spent ({self._seconds:g} s for the whole policy)"
