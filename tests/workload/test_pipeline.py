"""The stream: every picture has its row, in listing order, whatever becomes of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pytest

from attestation.errors import Unavailable
from workload import pipeline
from workload.images import EncodedImage, ListedImage, Unreadable
from workload.object_storage import CONNECTIONS
from workload.pipeline import Fed, Indices, Positions, Row, Scores, classify


def listed(count: int) -> list[ListedImage]:
    return [ListedImage(name=f"{number}.png", generation=number + 1, size=1) for number in range(count)]


def batches_of_two(encoded: Iterable[tuple[int, EncodedImage]]) -> Iterator[tuple[Positions, Fed]]:
    """Keeps the order, and leaves out what it cannot decode, as every `Batcher` does."""
    kept: list[tuple[int, int]] = []
    for position, image in encoded:
        if image.data != b"undecodable":
            kept.append((position, int(image.data)))
        if len(kept) == 2:
            yield _batch(kept)
            kept = []
    if kept:
        yield _batch(kept)


def _batch(kept: list[tuple[int, int]]) -> tuple[Positions, Fed]:
    positions, values = zip(*kept, strict=True)
    return np.array(positions), np.array(values, np.float32).reshape(-1, 1, 1, 1)


def best_is_the_value(images: Fed) -> tuple[Indices, Scores]:
    values = images.reshape(-1, 1)
    scores = np.concatenate([values, values - 1], axis=1)
    return np.concatenate([values, values + 1], axis=1).astype(np.int32), scores


def run(
    read: Callable[[ListedImage], EncodedImage], *, count: int, labels: Sequence[str] | None = None
) -> Iterator[Row]:
    return classify(
        listed(count), read=read, batches=batches_of_two, classifier=best_is_the_value, labels=labels
    )


def value_of(image: ListedImage) -> EncodedImage:
    return EncodedImage(data=str(image.generation).encode(), orientation=1)


@pytest.mark.parametrize("count", [1, 2, 3, 201])
def test_every_picture_has_its_row_in_listing_order(count: int) -> None:
    rows = list(run(value_of, count=count))
    assert [row.image for row in rows] == [image.name for image in listed(count)]
    assert [row.predictions[0].class_index for row in rows] == [row.generation for row in rows]
    assert rows[0].predictions[1].score == 0.0


def test_labels_go_with_their_classes() -> None:
    row = next(run(value_of, count=1, labels=["no", "one", "two"]))
    assert [prediction.label for prediction in row.predictions] == ["one", "two"]


@pytest.mark.parametrize("bad", [{0}, {1}, {6}, {0, 1}, {5, 6}, {0, 3, 6}, set(range(7))])
@pytest.mark.parametrize("why", ["unreadable", "undecodable"])
def test_a_bad_picture_is_a_row_of_its_own_and_sinks_nobody(bad: set[int], why: str) -> None:
    def read(image: ListedImage) -> EncodedImage:
        if image.generation - 1 not in bad:
            return value_of(image)
        if why == "unreadable":
            raise Unreadable("gone", "the object was deleted")
        return EncodedImage(data=b"undecodable", orientation=1)

    rows = list(run(read, count=7))
    assert [row.generation for row in rows] == list(range(1, 8))
    assert {row.generation - 1 for row in rows if row.error} == bad
    assert {row.error.code for row in rows if row.error} == {"gone" if why == "unreadable" else why}


@pytest.mark.parametrize("failing", [0, 1, 4, 6])
@pytest.mark.parametrize("failure", [Unavailable("storage is away"), RuntimeError("a bug")])
def test_a_failure_of_the_service_ends_the_job_after_the_rows_before_it(
    failing: int, failure: Exception
) -> None:
    def read(image: ListedImage) -> EncodedImage:
        if image.generation - 1 == failing:
            raise failure
        if image.generation - 1 == 3:
            raise Unreadable("gone", "the object was deleted")
        return value_of(image)

    rows = []
    with pytest.raises(type(failure)):
        for row in run(read, count=7):
            rows.append(row)
    assert [row.generation - 1 for row in rows] == list(range(failing))


def test_scores_that_are_no_numbers_are_that_pictures_error() -> None:
    def classifier(images: Fed) -> tuple[Indices, Scores]:
        indices, scores = best_is_the_value(images)
        scores[0] = np.nan
        return indices, scores

    rows = list(
        classify(listed(2), read=value_of, batches=batches_of_two, classifier=classifier, labels=None)
    )
    assert rows[0].error is not None
    assert rows[0].error.code == "no-score"
    assert rows[1].error is None


def test_reads_go_ahead_by_a_bounded_number_and_side_by_side() -> None:
    lock = threading.Lock()
    reading, most_at_once, read_so_far = 0, 0, 0
    enough = threading.Event()

    def read(image: ListedImage) -> EncodedImage:
        nonlocal reading, most_at_once, read_so_far
        with lock:
            reading, read_so_far = reading + 1, read_so_far + 1
            most_at_once = max(most_at_once, reading)
            if reading == CONNECTIONS:
                enough.set()
        enough.wait(10)
        with lock:
            reading -= 1
        return value_of(image)

    rows = run(read, count=500)
    for _ in range(2):
        next(rows)
    assert most_at_once == CONNECTIONS
    assert read_so_far <= 2 + pipeline.READ_AHEAD
    rows.close()  # type: ignore[attr-defined]  # it is a generator


def test_who_stops_listening_stops_the_reads_that_have_not_begun() -> None:
    stopped = threading.Event()
    begun: list[str] = []

    def read(image: ListedImage) -> EncodedImage:
        begun.append(image.name)
        if image.generation > 2:
            stopped.wait(10)
        return value_of(image)

    rows = run(read, count=500)
    next(rows)
    rows.close()  # type: ignore[attr-defined]  # it is a generator
    stopped.set()
    for thread in threading.enumerate():
        if thread.name.startswith("read"):
            thread.join()
    assert len(begun) <= 2 + CONNECTIONS
