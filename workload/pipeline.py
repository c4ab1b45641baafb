"""The stream from listed pictures to rows, in listing order, whose memory does not grow with their number.

    reads -> encoded pictures -> decoders -> what the model is fed -> batches -> the model -> rows

Every stage runs beside the others, in threads: the libraries that do the work let go of Python's
lock. A picture that is slow or damaged keeps back its own row and those behind it, and nothing
else: batches are made of what is there. A huge one may also have others wait for the memory that
it takes. `Settings` bounds every stage and says what that is in bytes.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Condition, Lock, Thread, local

import numpy as np

from contract.results import Row

from .answers import Answer, Classifier, Fed, row_of
from .pacing import Pace
from .pictures.headers import MOST_BYTES, EncodedPicture, Unreadable
from .pictures.listing import ListedPicture
from .pictures.resizing import Pixels
from .settings import Settings

_ROWS_AT_ONCE = 64
HEARS_SIGNALS_EVERY_S = 0.5
"""A signal that arrives just before its thread goes to sleep does not wake it."""


class Stream:
    """Reads and decodes ahead from `__enter__` on; `rows` needs the model.

    Until there is one, that is a batch and no more: whoever loads it needs the processor too.

    A failure that is more than one picture's own ends the job: every row before that picture is
    given out first. When the model fails, those are the rows it has answered.
    """

    def __init__(
        self,
        images: Sequence[ListedPicture],
        *,
        read: Callable[[ListedPicture], EncodedPicture],
        prepare: Callable[[EncodedPicture], Pixels],
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._images = images
        self._read = read
        self._prepare = prepare
        self._settings = settings
        self._clock = clock
        self._batch_size = self._share = self._first_share = settings.batch_size
        # INVARIANT: what follows is read and written with the lock held, and `_wake` follows every change.
        self._lock = Lock()
        self._closed = False
        self._window = min(settings.batch_size, settings.window)  # as long as there is no model
        self._end = len(images)  # no picture from here on will have a row
        self._failure: BaseException | None = None
        self._begun = 0
        self._reading = 0
        self._most_readers = min(settings.connections, len(images))
        self._pace = Pace(settings.connections)
        self._encoded_bytes = 0
        self._encoded: list[tuple[int, EncodedPicture]] = []  # a heap, as is the next
        self._decoding = 0
        self._decoding_pixels = 0
        self._decoded: list[tuple[int, Pixels]] = []
        self._decoded_since = 0.0
        self._rooms = local()  # a batch for each of the model's threads: pages that are given back are dear
        self._answers: dict[int, Answer] = {}
        self._given = 0
        self._answered = Condition(self._lock)
        self._readers = _Stage(self._lock, may=self._may_read, take=self._take_read)
        self._decoders = _Stage(self._lock, may=self._may_decode, take=self._take_decode)
        self._stages = [self._readers, self._decoders]

    def __enter__(self) -> Stream:
        try:
            self._start(self._readers, "read", min(self._most_readers, self._window))
            self._start(self._decoders, "decode", min(self._settings.decoders, len(self._images)))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            for stage in self._stages:
                stage.ready.notify_all()
        # Not for the readers: one may wait for the network, and holds nothing.
        for stage in self._stages:
            if stage is not self._readers:
                for thread in stage.threads:
                    thread.join()

    def rows(
        self,
        classifier: Classifier,
        *,
        labels: Sequence[str] | None,
        batch_size: int | None = None,
        at_once: int = 1,
    ) -> Iterator[Row]:
        """One row a picture, in the order of `images`.

        The model sees `batch_size` pictures at most, if not the settings', in `at_once` batches by as
        many threads: none of them waits for another.

        Raises:
            Denied, Unavailable: a read failed by more than its own picture's fault.
            Misconfigured: the model cannot be run.
        """
        take = partial(self._take_batch, classifier)
        models = _Stage(self._lock, may=self._may_classify, take=take, left_s=self._left_s)
        with self._lock:
            self._batch_size = batch_size or self._settings.batch_size
            self._share = max(1, self._batch_size // at_once)
            self._first_share = max(1, self._settings.batch_size // at_once)
            self._window = self._settings.window
            self._stages.append(models)
            self._wake()
            is_first_there = 0 in self._answers or (self._decoded and self._decoded[0][0] == 0)
        self._start(models, "model", min(at_once, self._batch_size))
        if not is_first_there:
            self._start_all_readers()
        while self._given < len(self._images):
            first, answers = self._next_answers()
            for image, answer in zip(self._images[first : first + len(answers)], answers, strict=True):
                yield row_of(image, answer, labels)
            self._start_all_readers()  # which is work that no first row shall wait for

    def _start_all_readers(self) -> None:
        self._start(self._readers, "read", self._most_readers - len(self._readers.threads))

    def _next_answers(self) -> tuple[int, list[Answer]]:
        with self._lock:
            first = self._given
            while first not in self._answers and first < self._end:
                self._answered.wait(HEARS_SIGNALS_EVERY_S)
            if first not in self._answers:
                assert self._failure is not None  # noqa: S101
                raise self._failure
            answers: list[Answer] = []
            while self._given in self._answers and len(answers) < _ROWS_AT_ONCE:
                answers.append(self._answers.pop(self._given))
                self._given += 1
            self._wake()
        return first, answers

    def _start(self, stage: _Stage, name: str, count: int) -> None:
        for _ in range(count):
            thread = Thread(target=self._work_on, args=(stage,), name=name, daemon=True)
            thread.start()
            stage.threads.append(thread)

    def _work_on(self, stage: _Stage) -> None:
        settle: _Settle | None = None
        while True:
            with self._lock:
                if settle is not None:
                    settle()
                    settle = None
                while not self._closed and not stage.may():
                    self._wake()
                    stage.wait()
                if self._closed:
                    return
                task = stage.take()
                self._wake()
            settle = task()
            del task

    def _wake(self) -> None:
        for stage in self._stages:
            if stage.idle and not stage.woken and (stage.may() or stage.lacks_timer()):
                stage.woken = True
                stage.ready.notify()
        if self._given in self._answers or self._given >= self._end:
            self._answered.notify()

    def _may_read(self) -> bool:
        if self._begun >= self._end or self._begun - self._given >= self._window:
            return False
        size = self._bytes_of(self._begun)
        return (
            self._reading < self._pace.connections
            and self._reading + len(self._encoded) < self._settings.read_ahead
            and (self._encoded_bytes == 0 or self._encoded_bytes + size <= self._settings.encoded_bytes)
        )

    def _take_read(self) -> _Task:
        position, self._begun = self._begun, self._begun + 1
        self._reading += 1
        self._encoded_bytes += self._bytes_of(position)
        return partial(self._read_one, position)

    def _bytes_of(self, position: int) -> int:
        """What reading it holds: what is too large is refused unread."""
        size = self._images[position].size
        return size if size <= MOST_BYTES else 0

    def _read_one(self, position: int) -> _Settle:
        began, own = self._clock(), time.thread_time()
        found: EncodedPicture | BaseException
        try:
            found = self._read(self._images[position])
        except BaseException as error:  # noqa: BLE001  it is raised where rows are asked for
            found = _alone(error)
        took = {"latency_s": self._clock() - began, "own_s": time.thread_time() - own}

        def settle() -> None:
            self._reading -= 1
            if isinstance(found, EncodedPicture):
                self._pace.observe(**took)  # what is refused by its size alone takes no time
                heapq.heappush(self._encoded, (position, found))
            else:
                self._encoded_bytes -= self._bytes_of(position)
                self._fail(position, found)

        return settle

    def _may_decode(self) -> bool:
        if not self._encoded or self._encoded[0][0] >= self._end:
            return False
        pixels = self._encoded[0][1].pixels
        return len(self._decoded) + self._decoding < 2 * self._batch_size and (
            self._decoding == 0 or self._decoding_pixels + pixels <= self._settings.decoding_pixels
        )

    def _take_decode(self) -> _Task:
        position, encoded = heapq.heappop(self._encoded)
        self._decoding += 1
        self._decoding_pixels += encoded.pixels
        return partial(self._decode_one, position, encoded)

    def _decode_one(self, position: int, encoded: EncodedPicture) -> _Settle:
        found: Pixels | BaseException
        try:
            found = self._prepare(encoded)
        except BaseException as error:  # noqa: BLE001  it is raised where rows are asked for
            found = _alone(error)
        size, pixels = self._bytes_of(position), encoded.pixels

        def settle() -> None:
            self._decoding -= 1
            self._decoding_pixels -= pixels
            self._encoded_bytes -= size
            if isinstance(found, BaseException):
                self._fail(position, found)
                return
            if position >= self._end:
                return
            if not self._decoded:
                self._decoded_since = self._clock()
            heapq.heappush(self._decoded, (position, found))

        return settle

    def _may_classify(self) -> bool:
        """A batch is full, or nothing will be added to it, or its pictures have waited long enough."""
        if not self._decoded or self._decoded[0][0] >= self._end:
            return False
        if len(self._decoded) >= self._share or self._has_no_answer():
            return True  # full; or the first, which nobody shall wait for
        return not self._more_to_come() or self._left_s() == 0

    def _has_no_answer(self) -> bool:
        return not (self._given or self._answers)

    def _more_to_come(self) -> bool:
        waiting = self._encoded and self._encoded[0][0] < self._end
        return bool(self._reading or waiting or self._decoding or self._may_read())

    def _left_s(self) -> float | None:
        if not self._decoded or self._decoded[0][0] >= self._end:
            return None
        return max(0.0, self._decoded_since + self._settings.batch_wait_s - self._clock())

    def _take_batch(self, classifier: Classifier) -> _Task:
        count = min(self._share, len(self._decoded))
        if self._has_no_answer():  # of what was read before there was a model, each takes its part
            count = min(count, self._first_share)
        if not self._more_to_come():  # the end: nobody idles while another takes all
            count = min(count, -(-len(self._decoded) * self._share // self._batch_size))
        batch = [heapq.heappop(self._decoded) for _ in range(count)]
        return partial(self._classify_batch, classifier, batch)

    def _classify_batch(self, classifier: Classifier, batch: list[tuple[int, Pixels]]) -> _Settle:
        try:
            positions = [position for position, _ in batch]
            images = np.stack([pixels for _, pixels in batch], out=self._room_for(batch))
            batch.clear()
            indices, scores = classifier(images)
            answers = dict(zip(positions, zip(indices, scores, strict=True), strict=True))
        except BaseException as error:  # noqa: BLE001  it is raised where rows are asked for
            return partial(self._fail, 0, error)
        return partial(self._answers.update, answers)

    def _room_for(self, batch: list[tuple[int, Pixels]]) -> Fed:
        shape = batch[0][1].shape
        room: Fed | None = getattr(self._rooms, "batch", None)
        if room is None or room.shape[1:] != shape:
            room = self._rooms.batch = np.empty([self._share, *shape], np.float32)
        return room[: len(batch)]

    def _fail(self, position: int, error: BaseException) -> None:
        """The picture has no answer: it is that picture's own fault, or the job's end."""
        if isinstance(error, Unreadable):
            self._answers[position] = error
        elif position < self._end:
            self._end, self._failure = position, error
            # What has no row to come gives up its room to what has.
            self._decoded = [entry for entry in self._decoded if entry[0] < position]
            heapq.heapify(self._decoded)


_Settle = Callable[[], None]
"""Notes what came of a task; called with the lock held."""
_Task = Callable[[], _Settle]


class _Stage:
    """Threads that take tasks from the stream's state: `may` says whether there is one."""

    def __init__(
        self,
        lock: Lock,
        *,
        may: Callable[[], bool],
        take: Callable[[], _Task],
        left_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.may = may
        self.take = take
        self.threads: list[Thread] = []
        self.ready = Condition(lock)
        self.idle = 0
        self._timed = 0  # of the idle ones
        self.woken = False  # and not running yet; who is woken looks for more to do, and wakes the next
        self._left_s = left_s

    def lacks_timer(self) -> bool:
        """There will be something to do after a while, and nobody sleeps that long."""
        return self._timed == 0 and self._left_s() is not None

    def wait(self) -> None:
        left_s = self._left_s()
        self.idle += 1
        self._timed += left_s is not None
        self.ready.wait(left_s)
        self._timed -= left_s is not None
        self.idle -= 1
        self.woken = False


def _alone(error: BaseException) -> BaseException:
    """Without its traceback, which holds the picture and its bytes."""
    return Unreadable(error.code, error.message) if isinstance(error, Unreadable) else error
