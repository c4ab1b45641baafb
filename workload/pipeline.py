"""The stream from listed pictures to rows, in listing order, whose memory does not grow with their number.

    reads -> encoded pictures -> decoders -> what the model is fed -> batches -> the model -> rows

Every stage runs beside the others, in threads: the libraries that do the work let go of Python's
lock. A picture that is slow, damaged or huge keeps back its own row and those behind it, and
nothing else: batches are made of what is there. `Settings` bounds every stage and says what
that takes in bytes.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .images import EncodedImage, ListedImage, Unreadable
from .settings import Settings

_READ_COST_S = 0.002
_LATENCIES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One class and its score; `label` where the owner's terms name classes."""

    class_index: int
    score: float
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is said of one picture: its best classes, best first, or why there are none."""

    image: str
    generation: int
    predictions: tuple[Prediction, ...] = ()
    error: Unreadable | None = None


Pixels = NDArray[np.float32]
"""A picture as the terms say the model is fed: `float32[height, width, 3]`."""
Fed = NDArray[np.float32]
"""A batch of them: `float32[n, height, width, 3]`."""
Indices = NDArray[np.int32]
Scores = NDArray[np.float32]
Answer = tuple[Indices, Scores] | Unreadable


class Classifier(Protocol):
    """Pictures -> their k best classes and the scores of those, `[n, k]` each, best first."""

    def __call__(self, images: Fed) -> tuple[Indices, Scores]: ...


class Stream:
    """Reads and decodes ahead from `__enter__` on; `rows` needs the model.

    A failure that is more than one picture's own ends the job: every row before that picture is
    given out first.
    """

    def __init__(
        self,
        images: Sequence[ListedImage],
        *,
        read: Callable[[ListedImage], EncodedImage],
        prepare: Callable[[EncodedImage], Pixels],
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._images = images
        self._read = read
        self._prepare = prepare
        self._settings = settings
        self._clock = clock
        # Everything below is read and written with this held.
        self._changed = Condition()
        self._closed = False
        self._begun = 0
        self._given = 0
        self._reading = 0
        self._connections = min(2, settings.connections)
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._encoded_bytes = 0
        self._encoded: deque[tuple[int, EncodedImage]] = deque()
        self._decoding = 0
        self._decoded: list[tuple[int, float, Pixels]] = []
        self._answers: dict[int, Answer] = {}
        self._failure: tuple[int, BaseException] | None = None
        self._threads: list[Thread] = []

    def __enter__(self) -> Stream:
        readers = min(self._settings.connections, len(self._images))
        decoders = min(self._settings.decoders, len(self._images))
        for task, count in ((self._read_on, readers), (self._decode_on, decoders)):
            self._threads += [Thread(target=task, name=task.__name__, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # Not for the readers: one may wait for the network, and holds nothing.
        for thread in self._threads:
            if thread.name != self._read_on.__name__:
                thread.join()

    def rows(
        self, classifier: Classifier, *, labels: Sequence[str] | None, batch_size: int | None = None
    ) -> Iterator[Row]:
        """One row a picture, in the order of `images`; batches of `batch_size` at most, if not the settings'.

        Raises:
            Denied, Unavailable: a read failed by more than its own picture's fault.
            Misconfigured: the model cannot be run.
        """
        size = batch_size or self._settings.batch_size
        model = Thread(target=self._classify_on, args=(classifier, size), name="model", daemon=True)
        self._threads.append(model)
        model.start()
        for position, image in enumerate(self._images):
            with self._changed:
                while position not in self._answers and not self._failed_at(position):
                    self._changed.wait()
                if position not in self._answers:
                    assert self._failure is not None  # noqa: S101
                    raise self._failure[1]
                answer = self._answers.pop(position)
                self._given = position + 1
                if self._begun - self._given == self._settings.window - 1:
                    self._changed.notify_all()
            yield _row(image, answer, labels)

    def _failed_at(self, position: int) -> bool:
        return self._failure is not None and self._failure[0] <= position

    def _read_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended() or self._may_read())
                if self._ended() or self._begun == len(self._images):
                    return
                position, self._begun = self._begun, self._begun + 1
                image = self._images[position]
                self._reading += 1
                self._encoded_bytes += image.size
                began = self._clock()
            encoded: EncodedImage | None = None
            failure: BaseException | None = None
            try:
                encoded = self._read(image)
            except BaseException as error:  # noqa: BLE001  it is raised where rows are asked for
                failure = error
            with self._changed:
                self._reading -= 1
                self._observe(self._clock() - began)
                if encoded is not None:
                    self._encoded.append((position, encoded))
                else:
                    self._encoded_bytes -= image.size
                    self._settle(position, failure)
                self._changed.notify_all()

    def _may_read(self) -> bool:
        if self._begun == len(self._images):
            return True
        size = self._images[self._begun].size
        return (
            self._reading < self._connections
            and self._begun - self._given < self._settings.window
            and (self._encoded_bytes == 0 or self._encoded_bytes + size <= self._settings.encoded_bytes)
        )

    def _observe(self, latency_s: float) -> None:
        """As many reads at once as hide the latency, each of which takes some of our own time too."""
        self._latencies.append(latency_s)
        wanted = math.ceil(min(self._latencies) / _READ_COST_S) + 1
        self._connections = max(2, min(wanted, self._settings.connections))

    def _decode_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended() or self._may_decode())
                if self._ended():
                    return
                position, encoded = self._encoded.popleft()
                self._decoding += 1
            pixels: Pixels | None = None
            failure: BaseException | None = None
            try:
                pixels = self._prepare(encoded)
            except BaseException as error:  # noqa: BLE001  it is raised where rows are asked for
                failure = error
            with self._changed:
                self._decoding -= 1
                self._encoded_bytes -= self._images[position].size
                if pixels is not None:
                    heapq.heappush(self._decoded, (position, self._clock(), pixels))
                else:
                    self._settle(position, failure)
                self._changed.notify_all()

    def _may_decode(self) -> bool:
        return bool(self._encoded) and len(self._decoded) + self._decoding < self._settings.decoded

    def _classify_on(self, classifier: Classifier, size: int) -> None:
        while True:
            batch = self._next_batch(size)
            if not batch:
                return
            try:
                indices, scores = classifier(np.stack([pixels for _, _, pixels in batch]))
            except BaseException as error:  # noqa: BLE001  it is raised where rows are asked for
                with self._changed:
                    self._settle(batch[0][0], error)
                    self._changed.notify_all()
                return
            with self._changed:
                for number, (position, _, _) in enumerate(batch):
                    self._answers[position] = (indices[number], scores[number])
                self._changed.notify_all()

    def _next_batch(self, size: int) -> list[tuple[int, float, Pixels]]:
        """The first pictures that are decoded: as soon as `size` are, or one has waited long enough."""
        with self._changed:
            while True:
                if self._ended() or (self._failure is not None and not self._decoded):
                    return []
                if len(self._decoded) >= size or (self._decoded and not self._more_to_come()):
                    break
                left_s = None
                if self._decoded:
                    oldest = min(since for _, since, _ in self._decoded)
                    left_s = oldest + self._settings.batch_wait_s - self._clock()
                    if left_s <= 0:
                        break
                elif not self._more_to_come():
                    return []
                self._changed.wait(left_s)
            batch = [heapq.heappop(self._decoded) for _ in range(min(size, len(self._decoded)))]
            self._changed.notify_all()
            return batch

    def _more_to_come(self) -> bool:
        begun = self._reading or self._encoded or self._decoding
        return bool(begun) or (self._begun < len(self._images) and self._failure is None)

    def _ended(self) -> bool:
        return self._closed

    def _settle(self, position: int, failure: BaseException | None) -> None:
        """The picture has no answer: it is that picture's own fault, or the job's end."""
        if isinstance(failure, Unreadable):
            self._answers[position] = failure
        elif failure is not None and not self._failed_at(position):
            self._failure = (position, failure)


def _row(image: ListedImage, answer: Answer, labels: Sequence[str] | None) -> Row:
    if isinstance(answer, Unreadable):
        return Row(image=image.name, generation=image.generation, error=answer)
    indices, scores = answer
    if not np.isfinite(scores).all():
        error = Unreadable("no-score", "the model gives no finite score for this image")
        return Row(image=image.name, generation=image.generation, error=error)
    predictions = tuple(
        Prediction(class_index=index, score=score, label=labels[index] if labels else None)
        for index, score in zip(indices.tolist(), scores.tolist(), strict=True)
    )
    return Row(image=image.name, generation=image.generation, predictions=predictions)
