"""The second stage: encoded pictures become what the model is fed."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from functools import partial

from ..pictures.headers import EncodedPicture
from ..pictures.preparing import Pixels
from ..settings import Settings
from .outcome import Outcome, tried
from .reads import Fail, Reads
from .workers import Settle, Task


class Decodes:
    """Pictures that are decoded, and those that wait for their batch, the earliest first.

    Two batches of `batch_size` wait at most. A part is so many pictures in a row (`contract.parts`).
    """

    def __init__(
        self,
        prepare: Callable[[EncodedPicture], Pixels],
        *,
        reads: Reads,
        settings: Settings,
        rows_a_part: int,
        outcome: Outcome,
        fail: Fail,
        clock: Callable[[], float],
    ) -> None:
        self._prepare = prepare
        self._reads = reads
        self._settings = settings
        self._rows_a_part = rows_a_part
        self._outcome = outcome
        self._fail = fail
        self._clock = clock
        self.batch_size = settings.batch_size
        self.decoded: list[tuple[int, Pixels]] = []  # a heap
        self._in_part: Counter[int] = Counter()  # of those, by their part
        self._decoding = 0
        self._decoding_pixels = 0
        self._since = 0.0

    def may(self) -> bool:
        pixels = self._reads.next_pixels()
        if pixels is None:
            return False
        return len(self.decoded) + self._decoding < 2 * self.batch_size and (
            self._decoding == 0 or self._decoding_pixels + pixels <= self._settings.decoding_pixels
        )

    def take(self) -> Task:
        position, encoded = self._reads.pop()
        self._decoding += 1
        self._decoding_pixels += encoded.pixels
        return partial(self._decode_one, position, encoded)

    def left_s(self) -> None:
        return None

    def is_empty(self) -> bool:
        """No decoded picture waits whose row will be given."""
        return not self.decoded or self.decoded[0][0] >= self._outcome.end

    def is_first_there(self) -> bool:
        """The very first picture is decoded, and waits."""
        return bool(self.decoded and self.decoded[0][0] == 0)

    def more_to_come(self) -> bool:
        """Another picture will be decoded."""
        return bool(self._decoding or self._reads.more_to_come())

    def waited_s(self) -> float:
        """How long there has been a picture that waits."""
        return self._clock() - self._since

    def drop_from(self, end: int) -> None:
        """Pictures that have no row to come have given up their room to those that have."""
        self.decoded = [entry for entry in self.decoded if entry[0] < end]
        heapq.heapify(self.decoded)
        self._in_part = Counter(self._part_of(position) for position, _ in self.decoded)

    def in_first_part(self) -> int:
        """How many pictures wait that are of the same part as the earliest that does."""
        return self._in_part[self._part_of(self.decoded[0][0])] if self.decoded else 0

    def pop(self, most: int) -> list[tuple[int, Pixels]]:
        """The earliest pictures that wait, `most` of them or as many as are of one part."""
        count = min(most, self.in_first_part())
        popped = [heapq.heappop(self.decoded) for _ in range(count)]
        if popped:
            self._in_part[self._part_of(popped[0][0])] -= count
        return popped

    def _part_of(self, position: int) -> int:
        return position // self._rows_a_part

    def _decode_one(self, position: int, encoded: EncodedPicture) -> Settle:
        found = tried(partial(self._prepare, encoded))
        pixels = encoded.pixels

        def settle() -> None:
            self._decoding -= 1
            self._decoding_pixels -= pixels
            self._reads.release(position)
            if isinstance(found, BaseException):
                self._fail(position, found)
            elif position < self._outcome.end:
                if not self.decoded:
                    self._since = self._clock()
                heapq.heappush(self.decoded, (position, found))
                self._in_part[self._part_of(position)] += 1

        return settle
