"""What is known of each picture, given out in the pictures' order; and where the job ends early, why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Condition, Lock
from typing import TypeVar

from ..answers import Answer
from ..pictures.headers import Unreadable

HEARS_SIGNALS_EVERY_S = 0.5
"""A signal that arrives just before its thread goes to sleep does not wake it."""

_ROWS_AT_ONCE = 64

Found = TypeVar("Found")


class Outcome:
    """`end` is the first picture without an answer to come, `given` the first that was not given out yet."""

    def __init__(self, lock: Lock, count: int) -> None:
        self.end = count
        self.given = 0
        self.failure: BaseException | None = None
        self._answers: dict[int, Answer] = {}
        self._news = Condition(lock)

    def has_begun(self) -> bool:
        """There is an answer, or was one."""
        return bool(self.given or self._answers)

    def is_first_there(self) -> bool:
        """The very first picture's answer waits to be given out."""
        return 0 in self._answers

    def add(self, answers: Mapping[int, Answer]) -> None:
        """These pictures, by their positions, have answers."""
        self._answers.update(answers)

    def fail(self, position: int, error: BaseException) -> bool:
        """The picture has no answer, by its own fault or by a failure; whether the job ends earlier by it."""
        if isinstance(error, Unreadable):
            self._answers[position] = error
            return False
        if position < self.end:
            self.end, self.failure = position, error
            return True
        return False

    def tell(self) -> None:
        """Whoever waits for the next answer is woken, where there is one or will be none."""
        if self.given in self._answers or self.given >= self.end:
            self._news.notify()

    def take_next(self, check: Callable[[], None] = lambda: None) -> tuple[int, list[Answer]]:
        """Waits for the next answers, as long as `check` does not raise: the first one's position, and as
        many as there are in a row.

        Raises:
            BaseException: the failure that ended the job before them; or as `check`.
        """
        first = self.given
        while first not in self._answers and first < self.end:
            check()
            self._news.wait(HEARS_SIGNALS_EVERY_S)
        if first not in self._answers:
            assert self.failure is not None  # noqa: S101
            raise self.failure
        answers: list[Answer] = []
        while self.given in self._answers and len(answers) < _ROWS_AT_ONCE:
            answers.append(self._answers.pop(self.given))
            self.given += 1
        return first, answers


def tried(work: Callable[[], Found]) -> Found | BaseException:
    """What `work` gives, or its failure: the outermost place of a stage's thread.

    The failure is raised again where answers are asked for. A picture's own error comes without its
    traceback, which holds the picture and its bytes.
    """
    try:
        return work()
    except Unreadable as error:
        return Unreadable(error.code, error.message)
    except BaseException as error:  # noqa: BLE001  Ctrl-C is heard by the main thread alone
        return error
