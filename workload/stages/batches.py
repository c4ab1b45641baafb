"""The last stage: decoded pictures become batches, and the model answers for each picture."""

from __future__ import annotations

from functools import partial
from threading import local

import numpy as np

from ..answers import Answer, Classifier, Fed
from ..pictures.preparing import Pixels
from ..settings import Settings
from .decodes import Decodes
from .outcome import Outcome, tried
from .reads import Fail
from .workers import Settle, Task


class Batches:
    """The model sees `batch_size` pictures at most, in `at_once` batches by as many threads.

    No batch holds pictures of two parts: what a score is by its last bit depends on the batch.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        batch_size: int,
        at_once: int,
        decodes: Decodes,
        settings: Settings,
        outcome: Outcome,
        fail: Fail,
    ) -> None:
        self._classifier = classifier
        self._decodes = decodes
        self._outcome = outcome
        self._fail = fail
        self._wait_s = settings.batch_wait_s
        self._batch_size = batch_size
        self._share = max(1, batch_size // at_once)
        self._first_share = max(1, settings.batch_size // at_once)
        self._rooms = local()  # a batch for each thread: pages that are given back are dear

    def may(self) -> bool:
        """A batch is full, or nothing will be added to it, or its pictures have waited long enough."""
        if self._decodes.is_empty():
            return False
        if self._decodes.in_first_part() >= self._share or not self._outcome.has_begun():
            return True  # full; or the first, which nobody shall wait for
        return not self._decodes.more_to_come() or self.left_s() == 0

    def left_s(self) -> float | None:
        if self._decodes.is_empty():
            return None
        return max(0.0, self._wait_s - self._decodes.waited_s())

    def take(self) -> Task:
        decoded = self._decodes.decoded
        count = min(self._share, len(decoded))
        if not self._outcome.has_begun():  # of what was read before there was a model, each takes its part
            count = min(count, self._first_share)
        if not self._decodes.more_to_come():  # the end: nobody idles while another takes all
            count = min(count, -(-len(decoded) * self._share // self._batch_size))
        return partial(self._classify, self._decodes.pop(count))

    def _classify(self, batch: list[tuple[int, Pixels]]) -> Settle:
        answers = tried(partial(self._answers, batch))
        if isinstance(answers, BaseException):
            return partial(self._fail, 0, answers)
        return partial(self._outcome.add, answers)

    def _answers(self, batch: list[tuple[int, Pixels]]) -> dict[int, Answer]:
        positions = [position for position, _ in batch]
        pictures = np.stack([pixels for _, pixels in batch], out=self._room_for(batch))
        batch.clear()
        indices, scores = self._classifier(pictures)
        return dict(zip(positions, zip(indices, scores, strict=True), strict=True))

    def _room_for(self, batch: list[tuple[int, Pixels]]) -> Fed:
        shape = batch[0][1].shape
        room: Fed | None = getattr(self._rooms, "batch", None)
        if room is None or room.shape[1:] != shape:
            room = self._rooms.batch = np.empty([self._share, *shape], np.float32)
        return room[: len(batch)]
