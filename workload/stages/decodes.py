"""The second stage: encoded pictures become what the model is fed."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial

from ..pictures.headers import EncodedPicture
from ..pictures.preparing import Pixels
from ..settings import Settings
from .outcome import Outcome, without_traceback
from .reads import Fail, Reads
from .workers import Settle, Task


class Decodes:
    """Pictures that are decoded, and those that wait for their batch, the earliest first.

    Two batches of `batch_size` wait at most.
    """

    def __init__(
        self,
        prepare: Callable[[EncodedPicture], Pixels],
        *,
        reads: Reads,
        settings: Settings,
        outcome: Outcome,
        fail: Fail,
        clock: Callable[[], float],
    ) -> None:
        self._prepare = prepare
        self._reads = reads
        self._settings = settings
        self._outcome = outcome
        self._fail = fail
        self._clock = clock
        self.batch_size = settings.batch_size
        self.decoded: list[tuple[int, Pixels]] = []  # a heap
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

    def _decode_one(self, position: int, encoded: EncodedPicture) -> Settle:
        found: Pixels | BaseException
        try:
            found = self._prepare(encoded)
        except BaseException as error:  # noqa: BLE001  it is raised where rows are asked for
            found = without_traceback(error)
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

        return settle
