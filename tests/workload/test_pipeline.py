"""The stream: every picture has its row, in listing order, whatever becomes of the others."""

from __future__ import annotations

import gc
import itertools
import signal
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from attestation.errors import Misconfigured, Unavailable
from contract.results import Row
from workload.answers import Classifier, Fed, Indices, Scores
from workload.pictures.headers import MOST_BYTES, MOST_PIXELS, EncodedPicture, Unreadable, undecodable
from workload.pictures.listing import ListedPicture
from workload.pictures.preparing import BYTES_PER_PIXEL, Pixels
from workload.pipeline import Stream
from workload.settings import DECODER_BYTES, Settings
from workload.stages import pacing

GIVE_UP_S = 30
"""How long a test waits for what must happen: only a failing one waits so long."""


def listed(count: int) -> list[ListedPicture]:
    return [ListedPicture(name=f"{number}.png", generation=number + 1, size=1) for number in range(count)]


def bounds(
    *,
    connections: int = 8,
    encoded_bytes: int = 1000,
    decoders: int = 2,
    decoding_pixels: int = 2 * MOST_PIXELS,
    batch_size: int = 2,
    batch_wait_s: float = 0.0,
    window: int = 4096,
) -> Settings:
    return Settings(
        connections=connections,
        encoded_bytes=encoded_bytes,
        decoders=decoders,
        decoding_pixels=decoding_pixels,
        batch_size=batch_size,
        largest_batch_size=batch_size,
        batch_wait_s=batch_wait_s,
        window=window,
    )


def value_of(image: ListedPicture) -> EncodedPicture:
    return EncodedPicture(data=str(image.generation).encode(), orientation=1)


def one_pixel(encoded: EncodedPicture) -> Pixels:
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
    read: Callable[[ListedPicture], EncodedPicture] = value_of,
    prepare: Callable[[EncodedPicture], Pixels] = one_pixel,
    settings: Settings | None = None,
) -> Stream:
    return Stream(listed(count), read=read, prepare=prepare, settings=settings or bounds())


def run(
    count: int,
    *,
    read: Callable[[ListedPicture], EncodedPicture] = value_of,
    prepare: Callable[[EncodedPicture], Pixels] = one_pixel,
    classifier: Classifier = best_is_the_value,
    labels: Sequence[str] | None = None,
    settings: Settings | None = None,
) -> list[Row]:
    with stream_of(count, read=read, prepare=prepare, settings=settings) as stream:
        return list(stream.rows(classifier, labels=labels))


def eventually(condition: Callable[[], bool]) -> None:
    """Returns when it holds."""
    end = time.monotonic() + GIVE_UP_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("count", [1, 2, 3, 201])
def test_every_picture_has_its_row_in_listing_order(count: int) -> None:
    rows = run(count)
    assert [row.picture for row in rows] == [image.name for image in listed(count)]
    assert [row.predictions[0].class_index for row in rows] == [row.generation for row in rows]
    assert rows[0].predictions[1].score == 0.0


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


def test_labels_go_with_their_classes() -> None:
    row = run(1, labels=["no", "one", "two"])[0]
    assert [prediction.label for prediction in row.predictions] == ["one", "two"]


@pytest.mark.parametrize("rows_a_part", [1, 3, 4, 32])
@pytest.mark.parametrize(("batch_size", "at_once"), [(4, 1), (8, 2), (64, 1)])
def test_no_batch_holds_pictures_of_two_parts(rows_a_part: int, batch_size: int, at_once: int) -> None:
    batches: list[list[int]] = []

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        batches.append([int(value) - 1 for value in images[:, 0, 0, 0]])
        return best_is_the_value(images)

    settings = bounds(batch_size=batch_size, batch_wait_s=0.001)
    with Stream(
        listed(70), read=value_of, prepare=one_pixel, settings=settings, rows_a_part=rows_a_part
    ) as stream:
        rows = list(stream.rows(classifier, labels=None, batch_size=batch_size, at_once=at_once))
    assert [row.generation for row in rows] == list(range(1, 71))
    assert sorted(position for batch in batches for position in batch) == list(range(70))
    assert all(len({position // rows_a_part for position in batch}) == 1 for batch in batches)


@pytest.mark.parametrize("bad", [{0}, {1}, {6}, {0, 1}, {5, 6}, {0, 3, 6}, set(range(7))])
@pytest.mark.parametrize("why", ["unreadable", "undecodable"])
def test_a_bad_picture_is_a_row_of_its_own_and_sinks_nobody(bad: set[int], why: str) -> None:
    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation - 1 not in bad:
            return value_of(image)
        if why == "unreadable":
            raise Unreadable("gone", "the object was deleted")
        return EncodedPicture(data=b"undecodable", orientation=1)

    rows = run(7, read=read)
    assert [row.generation for row in rows] == list(range(1, 8))
    assert {row.generation - 1 for row in rows if row.error} == bad
    assert {row.error.code for row in rows if row.error} == {"gone" if why == "unreadable" else why}


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


def test_scores_that_are_no_numbers_are_that_pictures_error() -> None:
    def classifier(images: Fed) -> tuple[Indices, Scores]:
        indices, scores = best_is_the_value(images)
        scores[images[:, 0, 0, 0] == 1] = np.nan
        return indices, scores

    rows = run(2, classifier=classifier)
    assert rows[0].error is not None
    assert rows[0].error.code == "no-score"
    assert rows[1].error is None


def test_reads_go_ahead_by_a_bounded_number() -> None:
    lock = threading.Lock()
    read_so_far = 0

    def read(image: ListedPicture) -> EncodedPicture:
        nonlocal read_so_far
        with lock:
            read_so_far += 1
        return value_of(image)

    window = 20
    with stream_of(500, read=read, settings=bounds(connections=4, window=window)) as stream:
        rows = stream.rows(best_is_the_value, labels=None)
        for given in range(1, 200):
            next(rows)
            with lock:
                assert read_so_far <= given + window + 64  # so many rows are on their way at most


def test_the_rows_of_later_parts_are_computed_while_one_part_waits_for_its_token() -> None:
    """Whoever asks for it has taken the rows of its part, and takes no other meanwhile."""
    seen: list[int] = []

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        seen.extend(int(value) for value in images[:, 0, 0, 0])
        return best_is_the_value(images)

    with Stream(listed(40), read=value_of, prepare=one_pixel, settings=bounds(), rows_a_part=4) as stream:
        rows = stream.rows(classifier, labels=None)
        first = [next(rows).generation for _ in range(4)]
        eventually(lambda: len(seen) == 40)
        assert [*first, *(row.generation for row in rows)] == list(range(1, 41))


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


def test_no_more_is_read_at_once_than_the_latency_is_worth() -> None:
    over = threading.Event()
    begun: list[int] = []

    def read(image: ListedPicture) -> EncodedPicture:
        begun.append(image.generation)
        assert over.wait(GIVE_UP_S)
        return value_of(image)

    with stream_of(500, read=read, settings=bounds(connections=64, batch_size=64)) as stream:
        eventually(lambda: stream._readers.idle == 60)
        assert sorted(begun) == [1, 2, 3, 4]
        over.set()


def test_without_a_model_a_batch_is_read_ahead_and_no_more() -> None:
    begun: list[int] = []

    def read(image: ListedPicture) -> EncodedPicture:
        begun.append(image.generation)
        return value_of(image)

    with stream_of(50, read=read, settings=bounds(batch_size=5)) as stream:
        eventually(lambda: len(stream._decodes.decoded) == 5)
        eventually(lambda: stream._readers.idle == 5)
        assert sorted(begun) == [1, 2, 3, 4, 5]
        assert len(list(stream.rows(best_is_the_value, labels=None))) == 50
    assert sorted(begun) == list(range(1, 51))


def test_what_was_read_before_there_was_a_model_is_shared_by_all_who_run_it() -> None:
    both = threading.Barrier(2)
    waited, sizes = threading.Event(), []

    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation == 5:
            assert waited.wait(GIVE_UP_S)
        return value_of(image)

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        sizes.append(len(images))
        if not waited.is_set():
            both.wait(GIVE_UP_S)
            waited.set()
        return best_is_the_value(images)

    with stream_of(5, read=read, settings=bounds(batch_size=4)) as stream:
        eventually(lambda: len(stream._decodes.decoded) == 4)
        rows = list(stream.rows(classifier, labels=None, batch_size=8, at_once=2))
    assert [row.generation for row in rows] == [1, 2, 3, 4, 5]
    assert sizes == [2, 2, 1]


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


def test_what_is_refused_by_its_size_says_nothing_of_the_network() -> None:
    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation % 2:
            raise Unreadable("empty", "the object is empty")
        time.sleep(0.002)
        return value_of(image)

    with stream_of(60, read=read) as stream:
        assert len(list(stream.rows(best_is_the_value, labels=None))) == 60
        assert min(stream._reads.pace._latencies_s) >= 0.002


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


@pytest.mark.parametrize("fault", ["none", "undecodable"])
def test_memory_stays_within_the_formula_whatever_pictures_there_are(fault: str) -> None:
    settings = bounds(
        connections=32,
        encoded_bytes=MOST_BYTES,
        decoding_pixels=MOST_PIXELS,
        decoders=4,
        batch_size=8,
        batch_wait_s=GIVE_UP_S,
    )
    kept = threading.local()
    images = [ListedPicture(name=f"{number}.png", generation=number, size=MOST_BYTES) for number in range(40)]

    def read(image: ListedPicture) -> EncodedPicture:
        parts = bytearray(MOST_BYTES)
        return EncodedPicture(data=bytes(parts), orientation=1, pixels=MOST_PIXELS)

    def prepare(encoded: EncodedPicture) -> Pixels:
        data = encoded.data
        kept.pages = np.empty(DECODER_BYTES, np.uint8)
        decoded = np.empty(encoded.pixels * BYTES_PER_PIXEL, np.uint8)
        if fault == "undecodable":
            raise undecodable()
        return np.full([512, 512, 3], len(data) + len(decoded), np.float32)

    gc.disable()
    tracemalloc.start()
    try:
        with Stream(images, read=read, prepare=prepare, settings=settings) as stream:
            rows = list(stream.rows(best_is_the_value, labels=None, batch_size=16))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert len(rows) == len(images)
    assert peak <= settings.most_bytes(height=512, width=512, top_k=2, batch_size=16)
