"""The stream: every picture has its row, in listing order, whatever becomes of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from attestation.errors import Unavailable
from workload.images import EncodedImage, ListedImage, Unreadable, undecodable
from workload.pipeline import Classifier, Fed, Indices, Pixels, Row, Scores, Stream
from workload.settings import Settings

GIVE_UP_S = 30
"""How long a test waits for what must happen: only a failing one waits so long."""


def listed(count: int) -> list[ListedImage]:
    return [ListedImage(name=f"{number}.png", generation=number + 1, size=1) for number in range(count)]


def bounds(
    *,
    connections: int = 8,
    encoded_bytes: int = 1000,
    decoders: int = 2,
    batch_size: int = 2,
    batch_wait_s: float = 0.0,
    window: int = 4096,
) -> Settings:
    return Settings(
        connections=connections,
        encoded_bytes=encoded_bytes,
        decoders=decoders,
        batch_size=batch_size,
        batch_wait_s=batch_wait_s,
        window=window,
    )


def value_of(image: ListedImage) -> EncodedImage:
    return EncodedImage(data=str(image.generation).encode(), orientation=1)


def one_pixel(encoded: EncodedImage) -> Pixels:
    if encoded.data == b"undecodable":
        raise undecodable()
    return np.full([1, 1, 3], int(encoded.data), np.float32)


def best_is_the_value(images: Fed) -> tuple[Indices, Scores]:
    values = images[:, 0, 0, :1]
    scores = np.concatenate([values, values - 1], axis=1)
    return np.concatenate([values, values + 1], axis=1).astype(np.int32), scores


def stream_of(
    count: int,
    *,
    read: Callable[[ListedImage], EncodedImage] = value_of,
    prepare: Callable[[EncodedImage], Pixels] = one_pixel,
    settings: Settings | None = None,
) -> Stream:
    return Stream(listed(count), read=read, prepare=prepare, settings=settings or bounds())


def run(
    count: int,
    *,
    read: Callable[[ListedImage], EncodedImage] = value_of,
    prepare: Callable[[EncodedImage], Pixels] = one_pixel,
    classifier: Classifier = best_is_the_value,
    labels: Sequence[str] | None = None,
    settings: Settings | None = None,
) -> list[Row]:
    with stream_of(count, read=read, prepare=prepare, settings=settings) as stream:
        return list(stream.rows(classifier, labels=labels))


@pytest.mark.parametrize("count", [1, 2, 3, 201])
def test_every_picture_has_its_row_in_listing_order(count: int) -> None:
    rows = run(count)
    assert [row.image for row in rows] == [image.name for image in listed(count)]
    assert [row.predictions[0].class_index for row in rows] == [row.generation for row in rows]
    assert rows[0].predictions[1].score == 0.0


def test_labels_go_with_their_classes() -> None:
    row = run(1, labels=["no", "one", "two"])[0]
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

    rows = run(7, read=read)
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
    with pytest.raises(type(failure)), stream_of(7, read=read) as stream:
        for row in stream.rows(best_is_the_value, labels=None):
            rows.append(row)
    assert [row.generation - 1 for row in rows] == list(range(failing))


def test_scores_that_are_no_numbers_are_that_pictures_error() -> None:
    def classifier(images: Fed) -> tuple[Indices, Scores]:
        indices, scores = best_is_the_value(images)
        scores[images[:, 0, 0, 0] == 1] = np.nan
        return indices, scores

    rows = run(2, classifier=classifier)
    assert rows[0].error is not None
    assert rows[0].error.code == "no-score"
    assert rows[1].error is None


def test_reads_go_ahead_by_a_bounded_number_and_never_more_at_once_than_there_are_connections() -> None:
    lock = threading.Lock()
    reading, most_at_once, read_so_far = 0, 0, 0

    def read(image: ListedImage) -> EncodedImage:
        nonlocal reading, most_at_once, read_so_far
        with lock:
            reading, read_so_far = reading + 1, read_so_far + 1
            most_at_once = max(most_at_once, reading)
        with lock:
            reading -= 1
        return value_of(image)

    window = 20
    with stream_of(500, read=read, settings=bounds(connections=4, window=window)) as stream:
        rows = stream.rows(best_is_the_value, labels=None)
        for given in range(1, 200):
            next(rows)
            with lock:
                assert read_so_far <= given + window
    assert 1 <= most_at_once <= 4


def test_who_stops_listening_stops_the_reads_that_have_not_begun() -> None:
    stopped = threading.Event()
    begun: list[str] = []

    def read(image: ListedImage) -> EncodedImage:
        begun.append(image.name)
        if image.generation > 2:
            stopped.wait(GIVE_UP_S)
        return value_of(image)

    before = set(threading.enumerate())
    with stream_of(500, read=read, settings=bounds(connections=8)) as stream:
        next(stream.rows(best_is_the_value, labels=None))
        readers = set(threading.enumerate()) - before
    stopped.set()
    for thread in readers:
        thread.join(GIVE_UP_S)
    assert len(begun) <= 2 + 8
