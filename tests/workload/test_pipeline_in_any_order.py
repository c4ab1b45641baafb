"""The stream in many orders: whatever ends before whatever, and whatever fails, the rows are the same.

Every read, decoding and run of the model stops at a gate, and a seed says whom the gate lets pass
next. So nothing depends on how long something takes, and a stream that would wait for ever is seen.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from attestation.errors import Unavailable
from contract.results import Row
from workload.answers import Fed, Indices, Scores
from workload.pictures.headers import EncodedPicture, Unreadable, undecodable
from workload.pictures.listing import ListedPicture
from workload.pictures.preparing import Pixels
from workload.pipeline import Stream
from workload.settings import Settings

GIVE_UP_S = 30
HUGE = 50
FATES = ["sound", "unreadable", "undecodable", "service fails", "bug"]


class Gate:
    """Lets those who wait pass one after the other; the seed says who is kept longest."""

    def __init__(self, random: random.Random) -> None:
        self._random = random
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, threading.Event]] = []
        self._over = False

    def wait(self) -> None:
        passing = threading.Event()
        with self._changed:
            self._waiting.append((self._random.random(), passing))
            self._changed.notify_all()
        assert passing.wait(GIVE_UP_S)

    def close(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def run(self) -> None:
        """Until `close`; it fails when nobody comes any more."""
        while True:
            with self._changed:
                assert self._changed.wait_for(lambda: self._waiting or self._over, GIVE_UP_S), "it hangs"
                if self._over and not self._waiting:
                    return
                first = min(self._waiting, key=lambda waiting: waiting[0])
                self._waiting.remove(first)
            first[1].set()


@dataclass
class Held:
    """What there is at once of something, which must not be more than `most`; or than one thing alone."""

    most: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    amounts: dict[int, int] = field(default_factory=dict)

    def take(self, key: int, amount: int = 1) -> None:
        with self.lock:
            self.amounts[key] = amount
            total = sum(self.amounts.values())
            assert total <= self.most or len(self.amounts) == 1, f"{total} of {self.most}"

    def give(self, key: int) -> None:
        with self.lock:
            self.amounts.pop(key, None)

    @contextmanager
    def during(self, key: int, amount: int = 1) -> Iterator[None]:
        self.take(key, amount)
        try:
            yield
        finally:
            self.give(key)


class Story:
    """A job of pictures, sound and bad, by the seed; it checks the bounds wherever it is called."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.gate = Gate(random.Random(seed + 1))
        count = self.random.randint(1, 40)
        self.images = [
            ListedPicture(name=f"{number}", generation=number, size=self.random.choice([1, 1, 1, 10]))
            for number in range(count)
        ]
        fatal = self.random.choice([0, 0, 0, 1, 10])
        self.fates = self.random.choices(FATES, [80, 8, 8, fatal, fatal], k=count)
        self.settings = Settings(
            connections=self.random.randint(1, 6),
            encoded_bytes=self.random.choice([1, 12, 1000]),
            decoders=self.random.randint(1, 3),
            decoding_pixels=self.random.choice([HUGE, HUGE + 2, 10 * HUGE]),
            batch_size=self.random.randint(1, 5),
            largest_batch_size=5,
            batch_wait_s=self.random.choice([0.0, 1000.0]),
            window=self.random.choice([1, 3, 1000]),
        )
        self.at_once = self.random.randint(1, 3)
        self.model_fails_at = self.random.choice([None, None, None, self.random.randrange(count)])
        self.reading = Held(self.settings.connections)
        self.encoded = Held(self.settings.encoded_bytes)
        self.decoding = Held(self.settings.decoding_pixels)
        self.decoded = Held(3 * self.settings.batch_size)  # two batches, and one on its way to the model
        self.begun = Held(self.settings.window + 1)  # one row is on its way to whoever asked for it

    def read(self, image: ListedPicture) -> EncodedPicture:
        key = image.generation
        self.begun.take(key)
        self.encoded.take(key, image.size)
        with self.reading.during(key):
            self.gate.wait()
            if self.fates[key] in ("unreadable", "service fails"):
                self.encoded.give(key)
            if self.fates[key] == "unreadable":
                raise Unreadable("gone", "the object was deleted")
            if self.fates[key] == "service fails":
                raise Unavailable("storage is away")
            pixels = HUGE if image.size > 1 else 1
            return EncodedPicture(data=str(key).encode(), orientation=1, pixels=pixels)

    def prepare(self, encoded: EncodedPicture) -> Pixels:
        key = int(encoded.data)
        with self.decoding.during(key, encoded.pixels):
            self.decoded.take(key)
            self.gate.wait()
            self.encoded.give(key)
            if self.fates[key] != "sound":
                self.decoded.give(key)
            if self.fates[key] == "undecodable":
                raise undecodable()
            if self.fates[key] == "bug":
                raise MemoryError
            return np.full([1, 1, 3], key, np.float32)

    def classify(self, images: Fed) -> tuple[Indices, Scores]:
        keys = images[:, 0, 0, 0].astype(np.int32)
        assert 1 <= len(keys) <= self.settings.batch_size
        for key in keys.tolist():
            self.decoded.give(key)
        self.gate.wait()
        if self.model_fails_at in keys:
            raise MemoryError
        return keys[:, None], np.ones([len(keys), 1], np.float32)

    def run(self) -> tuple[list[Row], BaseException | None]:
        """The rows, and how the job ended."""
        rows: list[Row] = []
        ended: list[BaseException] = []

        def listen() -> None:
            try:
                with Stream(
                    self.images, read=self.read, prepare=self.prepare, settings=self.settings
                ) as stream:
                    for row in stream.rows(self.classify, labels=None, at_once=self.at_once):
                        self.begun.give(row.generation)
                        rows.append(row)
            except BaseException as error:  # noqa: BLE001  the test looks at it
                ended.append(error)
            self.gate.close()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        self.gate.run()
        listener.join(GIVE_UP_S)
        assert not listener.is_alive()
        return rows, ended[0] if ended else None


@pytest.mark.parametrize("seed", range(200))
def test_whatever_ends_first_the_rows_are_the_same(seed: int) -> None:
    story = Story(seed)
    rows, ended = story.run()
    fatal = [number for number, fate in enumerate(story.fates) if fate in ("service fails", "bug")]
    expected = min(fatal, default=len(story.images))
    if story.model_fails_at is not None and story.fates[story.model_fails_at] == "sound":
        # Then the rows are those that it had answered.
        assert isinstance(ended, MemoryError | Unavailable) or story.model_fails_at > expected
        assert len(rows) <= min(expected, story.model_fails_at)
    else:
        assert len(rows) == expected
        kinds = {"service fails": Unavailable, "bug": MemoryError}
        assert isinstance(ended, kinds[story.fates[expected]]) if fatal else ended is None
    assert [row.generation for row in rows] == list(range(len(rows)))
    codes = {"sound": None, "unreadable": "gone", "undecodable": "undecodable"}
    for row, fate in zip(rows, story.fates, strict=False):
        assert (row.error.code if row.error else None) == codes[fate]
        assert [prediction.class_index for prediction in row.predictions] == (
            [row.generation] if fate == "sound" else []
        )
