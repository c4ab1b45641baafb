"""How far a stream reads ahead: as far as the latency is worth it, and within the memory that it has."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc

import numpy as np
import pytest

from tests.workload.streaming import (
    GIVE_UP_S,
    best_is_the_value,
    bounds,
    eventually,
    listed,
    one_pixel,
    stream_of,
    value_of,
)
from workload.answers import Fed, Indices, Scores
from workload.pictures.headers import MOST_BYTES, MOST_PIXELS, EncodedPicture, Unreadable, undecodable
from workload.pictures.listing import ListedPicture
from workload.pictures.preparing import BYTES_PER_PIXEL, Pixels
from workload.pipeline import Stream
from workload.settings import DECODER_BYTES


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


def test_what_is_refused_by_its_size_says_nothing_of_the_network() -> None:
    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation % 2:
            raise Unreadable("empty", "the object is empty")
        time.sleep(0.002)
        return value_of(image)

    with stream_of(60, read=read) as stream:
        assert len(list(stream.rows(best_is_the_value, labels=None))) == 60
        assert min(stream._reads.pace._latencies_s) >= 0.002


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
