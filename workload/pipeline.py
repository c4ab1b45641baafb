"""The stream from listed pictures to rows, in listing order, whose memory does not grow with their number.

    reads, at most `CONNECTIONS` at once -> decoding -> batches -> the model -> rows

At any moment there are at most `READ_AHEAD` encoded pictures, two decoded pictures a core, and
three batches of `float32[batch_size, height, width, 3]`; beside those, the listing itself
(about 250 bytes a picture). A picture that cannot be read or decoded becomes a row that says so,
and holds up nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .images import EncodedImage, ListedImage, Unreadable, undecodable
from .object_storage import CONNECTIONS

READ_AHEAD = 4 * CONNECTIONS


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


Fed = NDArray[np.float32]
"""Pictures as the terms say the model is fed: `float32[n, height, width, 3]`."""
Positions = NDArray[np.int64]
"""Which of the listed pictures they are: `int64[n]`."""
Indices = NDArray[np.int32]
Scores = NDArray[np.float32]


class Classifier(Protocol):
    """Pictures -> their k best classes and the scores of those, `[n, k]` each, best first."""

    def __call__(self, images: Fed) -> tuple[Indices, Scores]: ...


class Batcher(Protocol):
    """Encoded pictures, each with its position -> batches of positions and what the model is fed.

    Keeps the order; leaves out a picture that it cannot decode; reads ahead by a bounded amount.
    """

    def __call__(self, encoded: Iterable[tuple[int, EncodedImage]]) -> Iterator[tuple[Positions, Fed]]: ...


def classify(
    images: Sequence[ListedImage],
    *,
    read: Callable[[ListedImage], EncodedImage],
    batches: Batcher,
    classifier: Classifier,
    labels: Sequence[str] | None,
) -> Iterator[Row]:
    """One row a picture, in the order of `images`.

    Raises:
        Denied, Unavailable: a read failed by more than its own picture's fault; every row
            before that picture has been given out.
    """
    with _Reader(images, read) as reader:
        given = 0
        for positions, pixels in batches(reader):
            indices, scores = classifier(pixels)
            for position, best, their_scores in zip(positions.tolist(), indices, scores, strict=True):
                yield from (reader.row_of_unreadable(missing) for missing in range(given, position))
                yield _row(images[position], best, their_scores, labels)
                given = position + 1
        yield from (reader.row_of_unreadable(missing) for missing in range(given, reader.reached))
        if reader.failure is not None:
            raise reader.failure


class _Reader:
    """Reads ahead in parallel, and gives out what it read in order; what cannot be read it keeps aside.

    Iterated from the batcher's own thread, where an exception could not be raised: the one that
    ends the job waits in `failure`, and `reached` says how many pictures came before it.
    """

    def __init__(self, images: Sequence[ListedImage], read: Callable[[ListedImage], EncodedImage]) -> None:
        self._images = images
        self._read = read
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="read")
        self._unreadable: dict[int, Unreadable] = {}
        self.reached = 0
        self.failure: BaseException | None = None

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[int, EncodedImage]]:
        ahead: deque[Future[EncodedImage]] = deque()
        waiting = iter(self._images)
        for position in range(len(self._images)):
            while len(ahead) < READ_AHEAD and (image := next(waiting, None)) is not None:
                ahead.append(self._pool.submit(self._read, image))
            done = ahead.popleft()
            try:
                error = done.exception()
            except CancelledError:
                return
            if error is None:
                yield position, done.result()
            elif isinstance(error, Unreadable):
                self._unreadable[position] = error
            else:
                self.failure = error
                return
            self.reached = position + 1

    def row_of_unreadable(self, position: int) -> Row:
        """The row of a picture that no batch held: not read, or read and not decoded."""
        image = self._images[position]
        error = self._unreadable.pop(position, None) or undecodable()
        return Row(image=image.name, generation=image.generation, error=error)


def _row(
    image: ListedImage,
    indices: Indices,
    scores: Scores,
    labels: Sequence[str] | None,
) -> Row:
    if not np.isfinite(scores).all():
        error = Unreadable("no-score", "the model gives no finite score for this image")
        return Row(image=image.name, generation=image.generation, error=error)
    predictions = tuple(
        Prediction(class_index=index, score=score, label=labels[index] if labels else None)
        for index, score in zip(indices.tolist(), scores.tolist(), strict=True)
    )
    return Row(image=image.name, generation=image.generation, predictions=predictions)
