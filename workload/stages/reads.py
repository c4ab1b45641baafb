"""The first stage: listed pictures become encoded ones, several at a time, in listing order."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice, takewhile

from ..pictures.headers import EncodedPicture
from ..pictures.listing import ListedPicture, most_bytes
from ..settings import Settings
from .outcome import Outcome, tried
from .pacing import Pace
from .workers import Settle, Task

Fail = Callable[[int, BaseException], None]
"""A picture, by its position, has no answer, and this is why; called with the lock held."""


class Reads:
    """Pictures that are read, and those that wait for a decoder, the earliest first.

    `window` pictures at most are begun while an earlier one has no row yet.
    """

    def __init__(
        self,
        pictures: Sequence[ListedPicture],
        read: Callable[[ListedPicture], EncodedPicture],
        *,
        settings: Settings,
        outcome: Outcome,
        fail: Fail,
        clock: Callable[[], float],
    ) -> None:
        self._pictures = pictures
        self._read = read
        self._settings = settings
        self._outcome = outcome
        self._fail = fail
        self._clock = clock
        self.window = min(settings.batch_size, settings.window)  # as long as there is no model
        self._since: dict[int, float] = {}  # when each read began that is under way, the first one first
        self.pace = Pace(settings.connections)
        self._begun = 0
        self._encoded_bytes = 0
        self._encoded: list[tuple[int, EncodedPicture]] = []  # a heap

    def may(self) -> bool:
        return self._has_room() and self.reading - self._hanging() < self.pace.connections

    @property
    def reading(self) -> int:
        """Reads that are under way."""
        return len(self._since)

    def _has_room(self) -> bool:
        """The next picture is asked for, and what is read and waits leaves room for it."""
        if self._begun >= self._outcome.end or self._begun - self._outcome.given >= self.window:
            return False
        size = self._bytes_of(self._begun)
        return self.reading + len(self._encoded) < self._settings.read_ahead and (
            self._encoded_bytes == 0 or self._encoded_bytes + size <= self._settings.encoded_bytes
        )

    def _hanging(self) -> int:
        """How many reads take so long that none of the others shall wait for their place."""
        began_before = self._clock() - self.pace.hangs_after_s
        return sum(1 for _ in takewhile(lambda began: began <= began_before, self._since.values()))

    def take(self) -> Task:
        position, self._begun = self._begun, self._begun + 1
        self._since[position] = self._clock()
        self._encoded_bytes += self._bytes_of(position)
        return partial(self._read_one, position)

    def left_s(self) -> float | None:
        """Until the next read that is under way counts as one that hangs, where that lets another begin."""
        if not self._since or not self._has_room():
            return None
        still = next((began for began in islice(self._since.values(), self._hanging(), None)), None)
        return None if still is None else max(0.0, still + self.pace.hangs_after_s - self._clock())

    def more_to_come(self) -> bool:
        """Another picture will be decoded, or is being read."""
        return bool(self.reading or self.next_pixels() is not None or self.may())

    def next_pixels(self) -> int | None:
        """The pixels of the earliest picture that waits; None if there is none whose row will be given."""
        if not self._encoded or self._encoded[0][0] >= self._outcome.end:
            return None
        return self._encoded[0][1].pixels

    def pop(self) -> tuple[int, EncodedPicture]:
        """The earliest picture that waits. Its bytes count until they are released."""
        return heapq.heappop(self._encoded)

    def release(self, position: int) -> None:
        """Nobody holds the picture's bytes any more."""
        self._encoded_bytes -= self._bytes_of(position)

    def _bytes_of(self, position: int) -> int:
        return most_bytes(self._pictures[position])

    def _read_one(self, position: int) -> Settle:
        began, own = self._clock(), time.thread_time()
        found = tried(partial(self._read, self._pictures[position]))
        took = {"latency_s": self._clock() - began, "own_s": time.thread_time() - own}

        def settle() -> None:
            del self._since[position]
            if isinstance(found, EncodedPicture):
                self.pace.observe(**took)  # what is refused by its size alone takes no time
                heapq.heappush(self._encoded, (position, found))
            else:
                self.release(position)
                self._fail(position, found)

        return settle
