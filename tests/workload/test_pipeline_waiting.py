"""Which picture waits for which: a slow one keeps back its own row, and no batch and no other read."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from attestation.errors import Unavailable
from tests.workload.streaming import (
    GIVE_UP_S,
    best_is_the_value,
    bounds,
    eventually,
    listed,
    one_pixel,
    run,
    stream_of,
    value_of,
)
from workload.answers import Fed, Indices, Scores
from workload.pictures.headers import MOST_PIXELS, EncodedPicture, Unreadable
from workload.pictures.listing import ListedPicture
from workload.pictures.preparing import Pixels
from workload.pipeline import Stream
from workload.stages import pacing


@pytest.mark.parametrize("hanging", [{1, 2}, {1, 2, 3, 4}, {3, 9}, {1, 2, 5, 6, 7, 11}])
def test_reads_that_hang_do_not_stop_the_others(monkeypatch: pytest.MonkeyPatch, hanging: set[int]) -> None:
    monkeypatch.setattr(pacing, "_HANGS_AT_FIRST_S", 0.05)
    monkeypatch.setattr(pacing, "_HANGS_AT_LEAST_S", 0.05)
    others = set(range(1, 41)) - hanging
    read_so_far: set[int] = set()

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation in hanging:
            eventually(lambda: read_so_far == others)
        else:
            read_so_far.add(image.generation)
        return value_of(image)

    settings = bounds(connections=16)
    assert [row.generation for row in run(40, read=read, settings=settings)] == list(range(1, 41))


def test_a_failure_does_not_leave_an_earlier_picture_without_room() -> None:
    def has_failed() -> bool:
        return stream._outcome.failure is not None

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation == 3:
            eventually(has_failed)
        if image.generation == 4:
            eventually(lambda: len(stream._decodes.decoded) == 2)
            raise Unavailable("storage is away")
        time.sleep(0.002)  # a network: without latency, two reads at once are all that is worth having
        return value_of(image)

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        if 2 in images:
            eventually(has_failed)
        return best_is_the_value(images)

    rows = []
    stream = stream_of(9, read=read, settings=bounds(batch_size=1))
    with pytest.raises(Unavailable), stream:
        for row in stream.rows(classifier, labels=None):
            rows.append(row.generation)
    assert rows == [1, 2, 3]


def test_a_picture_that_is_decoded_waits_no_longer_than_it_should_for_one_that_is_slow() -> None:
    given = threading.Event()

    def models_idle() -> bool:
        stages = stream._workers.stages
        return len(stages) == 3 and stages[-1].idle > 0

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation == 2:
            eventually(lambda: models_idle() and stream._outcome.given > 0)
        if image.generation == 3:
            assert given.wait(GIVE_UP_S)
        return value_of(image)

    stream = stream_of(3, read=read, settings=bounds(batch_size=4, batch_wait_s=0.02))
    with stream:
        rows = stream.rows(best_is_the_value, labels=None)
        assert [next(rows).generation, next(rows).generation] == [1, 2]
        given.set()
        assert next(rows).generation == 3


def test_whoever_can_work_does_so_after_a_pause_as_well() -> None:
    together = threading.Barrier(4)

    def read(image: ListedPicture) -> EncodedPicture:
        together.wait(GIVE_UP_S)
        return value_of(image)

    seconds = itertools.count()
    settings = bounds(connections=4, window=4, batch_size=4, batch_wait_s=1e9)
    with Stream(
        listed(40), read=read, prepare=one_pixel, settings=settings, clock=lambda: float(next(seconds))
    ) as stream:
        # The first batch takes what is there; of a part of the four, the window would let no four read again.
        eventually(lambda: len(stream._decodes.decoded) == 4)
        assert len(list(stream.rows(best_is_the_value, labels=None))) == 40


def test_a_picture_that_is_slow_to_read_keeps_back_its_row_and_no_batch() -> None:
    others_done = threading.Event()
    classified: list[int] = []

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation == 1:
            assert others_done.wait(GIVE_UP_S)
        return value_of(image)

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        classified.extend(images[:, 0, 0, 0].astype(int).tolist())
        if len(classified) == 49:
            others_done.set()
        return best_is_the_value(images)

    rows = run(50, read=read, classifier=classifier, settings=bounds(batch_size=4))
    assert classified[-1] == 1
    assert [row.generation for row in rows] == list(range(1, 51))


def test_a_huge_picture_is_decoded_while_the_others_go_their_way() -> None:
    others_done = threading.Event()
    classified = 0

    def read(image: ListedPicture) -> EncodedPicture:
        pixels = MOST_PIXELS if image.generation == 1 else 1
        return EncodedPicture(data=str(image.generation).encode(), orientation=1, pixels=pixels)

    def prepare(encoded: EncodedPicture) -> Pixels:
        if encoded.data == b"1":
            assert others_done.wait(GIVE_UP_S)
        return one_pixel(encoded)

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        nonlocal classified
        classified += len(images)
        if classified == 49:
            others_done.set()
        return best_is_the_value(images)

    settings = bounds(decoding_pixels=MOST_PIXELS + 1)
    assert len(run(50, read=read, prepare=prepare, classifier=classifier, settings=settings)) == 50


def test_the_first_picture_waits_for_no_other() -> None:
    first_done = threading.Event()

    def read(image: ListedPicture) -> EncodedPicture:
        assert image.generation == 1 or first_done.wait(GIVE_UP_S)
        return value_of(image)

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        first_done.set()
        return best_is_the_value(images)

    settings = bounds(batch_size=8, batch_wait_s=1000)
    assert len(run(8, read=read, classifier=classifier, settings=settings)) == 8


def test_a_batch_goes_when_it_is_full_or_its_first_picture_has_waited_long_enough() -> None:
    now = 0.0
    batches: list[list[int]] = []
    seen = {number: threading.Event() for number in range(1, 9)}

    def read(image: ListedPicture) -> EncodedPicture:
        nonlocal now
        if image.generation in (2, 3, 4):
            assert seen[1].wait(GIVE_UP_S)  # the first went alone; these fill a batch of three
        if image.generation in (5, 6):
            assert seen[4].wait(GIVE_UP_S)
        if image.generation == 7:
            assert prepared.acquire(timeout=GIVE_UP_S)
            assert prepared.acquire(timeout=GIVE_UP_S)
            now = 20.0  # 5 and 6 have waited long enough for what is not there
            raise Unreadable("gone", "the object was deleted")
        if image.generation == 8:
            assert seen[6].wait(GIVE_UP_S)
        return value_of(image)

    prepared = threading.Semaphore(0)

    def prepare(encoded: EncodedPicture) -> Pixels:
        if encoded.data in (b"5", b"6"):
            prepared.release()
        return one_pixel(encoded)

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        batches.append(images[:, 0, 0, 0].astype(int).tolist())
        for value in batches[-1]:
            seen[value].set()
        return best_is_the_value(images)

    settings = bounds(batch_size=3, batch_wait_s=20, decoders=1)
    with Stream(listed(8), read=read, prepare=prepare, settings=settings, clock=lambda: now) as stream:
        assert len(list(stream.rows(classifier, labels=None))) == 8
    assert batches == [[1], [2, 3, 4], [5, 6], [8]]


def test_a_model_that_insists_on_larger_batches_gets_them() -> None:
    sizes: list[int] = []

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        sizes.append(len(images))
        return best_is_the_value(images)

    with stream_of(41, settings=bounds(batch_size=2, batch_wait_s=1000)) as stream:
        assert len(list(stream.rows(classifier, labels=None, batch_size=20))) == 41
    assert max(sizes) == 20


def test_as_many_threads_as_the_model_is_fastest_with_share_the_batch() -> None:
    together = threading.Barrier(3, timeout=GIVE_UP_S)
    sizes: list[int] = []

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        sizes.append(len(images))
        if len(sizes) <= 3:
            together.wait()  # for two others: with fewer threads nobody would go on
        return best_is_the_value(images)

    with stream_of(30, settings=bounds(batch_size=12, batch_wait_s=1000)) as stream:
        rows = list(stream.rows(classifier, labels=None, batch_size=12, at_once=3))
    assert [row.predictions[0].class_index for row in rows] == [row.generation for row in rows]
    assert max(sizes) <= 4
