"""How a stream ends early: after the rows before the failure, and without waiting for a read."""

from __future__ import annotations

import signal
import threading

import pytest

from attestation.errors import Misconfigured, Unavailable
from tests.workload.streaming import (
    GIVE_UP_S,
    best_is_the_value,
    bounds,
    eventually,
    one_pixel,
    stream_of,
    value_of,
)
from workload.answers import Fed, Indices, Scores
from workload.pictures.headers import EncodedPicture, Unreadable
from workload.pictures.listing import ListedPicture
from workload.pictures.preparing import Pixels


@pytest.mark.parametrize("reason", [Unavailable("gone", hint="again"), KeyboardInterrupt()])
def test_nobody_waits_for_a_picture_once_the_job_ends_early(reason: BaseException) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow(encoded: EncodedPicture) -> Pixels:
        began.set()
        assert may_end.wait(GIVE_UP_S)
        return one_pixel(encoded)

    with pytest.raises(type(reason)), stream_of(3, prepare=slow) as stream:
        assert began.wait(GIVE_UP_S)
        raise reason
    assert all(thread.is_alive() for thread in stream._decoders.threads)
    may_end.set()
    for thread in stream._decoders.threads:
        thread.join(GIVE_UP_S)


@pytest.mark.parametrize("failing", [0, 1, 4, 6])
@pytest.mark.parametrize("failure", [Unavailable("storage is away"), RuntimeError("a bug")])
def test_a_failure_of_the_service_ends_the_job_after_the_rows_before_it(
    failing: int, failure: Exception
) -> None:
    def read(image: ListedPicture) -> EncodedPicture:
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


def test_who_stops_listening_stops_the_reads_that_have_not_begun() -> None:
    stopped = threading.Event()
    begun: list[str] = []

    def read(image: ListedPicture) -> EncodedPicture:
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


@pytest.mark.parametrize("failing", range(4))
def test_a_failure_waits_for_the_rows_before_it_though_they_be_slow(failing: int) -> None:
    failed = threading.Event()

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation - 1 == failing:
            failed.set()
            raise Unavailable("storage is away")
        if image.generation - 1 < failing:
            assert failed.wait(GIVE_UP_S)
        return value_of(image)

    rows = []
    with pytest.raises(Unavailable), stream_of(9, read=read, settings=bounds(batch_wait_s=1000)) as stream:
        for row in stream.rows(best_is_the_value, labels=None):
            rows.append(row)
    assert [row.generation - 1 for row in rows] == list(range(failing))


@pytest.mark.parametrize(("sooner", "later"), [(2, 3), (3, 2)])
def test_of_two_failures_the_earlier_pictures_ends_the_job(sooner: int, later: int) -> None:
    both = threading.Event()
    failures = {sooner: Unavailable("storage is away"), later: Unavailable("the network is away")}

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation == 1:
            assert both.wait(GIVE_UP_S)
        if image.generation == later:
            eventually(lambda: stream._outcome.failure is failures[sooner])
        if image.generation in failures:
            raise failures[image.generation]
        return value_of(image)

    rows = []
    stream = stream_of(9, read=read, settings=bounds(batch_size=3))
    with pytest.raises(Unavailable) as failure, stream:
        eventually(lambda: stream._reads.reading == 1)
        both.set()
        for row in stream.rows(best_is_the_value, labels=None):
            rows.append(row)
    assert failure.value is failures[2]
    assert [row.generation for row in rows] == [1]


def test_a_bug_in_preparing_ends_the_job_after_the_rows_before_it() -> None:
    def prepare(encoded: EncodedPicture) -> Pixels:
        if encoded.data == b"3":
            raise MemoryError
        return one_pixel(encoded)

    rows = []
    with pytest.raises(MemoryError), stream_of(7, prepare=prepare) as stream:
        for row in stream.rows(best_is_the_value, labels=None):
            rows.append(row)
    assert [row.generation for row in rows] == [1, 2]


@pytest.mark.parametrize("how", ["it raises", "it answers too little"])
def test_a_model_that_fails_ends_the_job_though_an_earlier_picture_is_still_being_read(how: str) -> None:
    failed = threading.Event()

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation == 2:
            assert failed.wait(GIVE_UP_S)
        return value_of(image)

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        if 1 in images:
            return best_is_the_value(images)
        failed.set()
        if how == "it raises":
            raise Misconfigured("the machine's memory does not hold a batch of this size", hint="")
        return best_is_the_value(images[1:])

    rows = []
    expected = Misconfigured if how == "it raises" else ValueError
    with pytest.raises(expected), stream_of(9, read=read, settings=bounds(batch_size=1)) as stream:
        for row in stream.rows(classifier, labels=None):
            rows.append(row)
    assert [row.generation for row in rows] == [1]


def test_who_is_interrupted_while_waiting_waits_for_no_read() -> None:
    over, listening, main = threading.Event(), threading.Event(), threading.get_ident()

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation == 2:
            assert listening.wait(GIVE_UP_S)
            signal.pthread_kill(main, signal.SIGINT)
            over.wait(GIVE_UP_S)
        return value_of(image)

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), stream_of(2, read=read) as stream:
        for _ in stream.rows(best_is_the_value, labels=None):
            listening.set()
    left = [thread for thread in threading.enumerate() if thread not in before and thread.name != "read"]
    readers = [thread for thread in threading.enumerate() if thread.name == "read"]
    assert all(thread.daemon for thread in left)  # nobody waits for them either: they end by themselves
    eventually(lambda: not any(thread.is_alive() for thread in left))
    assert readers
    assert all(thread.daemon for thread in readers)
    over.set()
    for thread in readers:
        thread.join(GIVE_UP_S)
        assert not thread.is_alive()
