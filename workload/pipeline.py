"""The stream from listed pictures to rows, in listing order, whose memory does not grow with their number.

    reads -> encoded pictures -> decoders -> what the model is fed -> batches -> the model -> rows

Every stage runs beside the others, in threads: the libraries that do the work let go of Python's
lock. A picture that is slow or damaged keeps back its own row and those behind it, and nothing
else: batches are made of what is there. A huge one may also have others wait for the memory that
it takes. `Settings` bounds every stage and says what that is in bytes; `workload.stages` has the rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from threading import Lock

from contract.results import Row

from .answers import Classifier, Fed, Indices, Scores, row_of
from .pictures.headers import EncodedPicture
from .pictures.listing import ListedPicture
from .pictures.preparing import Pixels
from .settings import Settings
from .stages.batches import Batches
from .stages.decodes import Decodes
from .stages.outcome import Outcome
from .stages.reads import Reads
from .stages.workers import Workers


class Stream:
    """Reads and decodes ahead from `__enter__` on; `rows` needs the model.

    `pictures` are whole parts of `rows_a_part` pictures, the last of which may have fewer; None: one part.
    No batch holds pictures of two parts.

    Until there is one, that is a batch and no more: whoever loads it needs the processor too.

    A failure that is more than one picture's own ends the job: every row before that picture is
    given out first. When the model fails, those are the rows it has answered.
    """

    def __init__(
        self,
        pictures: Sequence[ListedPicture],
        *,
        read: Callable[[ListedPicture], EncodedPicture],
        prepare: Callable[[EncodedPicture], Pixels],
        settings: Settings,
        rows_a_part: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pictures = pictures
        self._settings = settings
        self._lock = Lock()
        self._outcome = outcome = Outcome(self._lock, len(pictures))
        self._workers = Workers(self._lock, tell=outcome.tell)
        self._reads = Reads(pictures, read, settings=settings, outcome=outcome, fail=self._fail, clock=clock)
        self._decodes = Decodes(
            prepare,
            reads=self._reads,
            settings=settings,
            rows_a_part=rows_a_part or max(1, len(pictures)),
            outcome=outcome,
            fail=self._fail,
            clock=clock,
        )
        self._readers = self._workers.add(self._reads, name="read")
        self._decoders = self._workers.add(self._decodes, name="decode")
        self._most_readers = min(settings.connections, len(pictures))

    def __enter__(self) -> Stream:
        with ExitStack() as undone:
            undone.callback(self.__exit__)
            self._workers.start(self._readers, min(self._most_readers, self._reads.window))
            self._workers.start(self._decoders, min(self._settings.decoders, len(self._pictures)))
            undone.pop_all()
        return self

    def __exit__(self, failure: type[BaseException] | None = None, *_: object) -> None:
        # Not for the readers: one may wait for the network, and holds nothing. And for nobody, where the job
        # has failed or was told to end: a picture may take long.
        stages = [stage for stage in self._workers.stages if stage is not self._readers]
        self._workers.close(wait_for=stages if failure is None else [])

    def rows(
        self,
        classifier: Classifier,
        *,
        labels: Sequence[str] | None,
        batch_size: int | None = None,
        at_once: int = 1,
        check: Callable[[], None] = lambda: None,
    ) -> Iterator[Row]:
        """One row a picture, in the order of `pictures`.

        The model sees `batch_size` pictures at most, if not the settings', in `at_once` batches by as
        many threads: none of them waits for another. `check` is asked before each batch, and now and then
        while a row is waited for; when it raises, no further batch runs.

        Raises:
            Denied, Unavailable: a read failed by more than its own picture's fault.
            Misconfigured: the model cannot be run.
            BaseException: as `check`.
        """

        def checked(pictures: Fed, /) -> tuple[Indices, Scores]:
            check()
            return classifier(pictures)

        batch_size = batch_size or self._settings.batch_size
        batches = Batches(
            checked,
            batch_size=batch_size,
            at_once=at_once,
            decodes=self._decodes,
            settings=self._settings,
            outcome=self._outcome,
            fail=self._fail,
        )
        with self._lock:
            self._decodes.batch_size = batch_size
            self._reads.window = self._settings.window
            models = self._workers.add(batches, name="model")
            self._workers.wake()
            is_first_there = self._outcome.is_first_there() or self._decodes.is_first_there()
        self._workers.start(models, min(at_once, batch_size))
        if not is_first_there:
            self._start_all_readers()
        while self._outcome.given < len(self._pictures):
            with self._lock:
                first, answers = self._outcome.take_next(check)
                self._workers.wake()
            for picture, answer in zip(self._pictures[first : first + len(answers)], answers, strict=True):
                yield row_of(picture, answer, labels)
            self._start_all_readers()  # which is work that no first row shall wait for

    def _start_all_readers(self) -> None:
        self._workers.start(self._readers, self._most_readers - len(self._readers.threads))

    def _fail(self, position: int, error: BaseException) -> None:
        if self._outcome.fail(position, error):
            self._decodes.drop_from(self._outcome.end)
