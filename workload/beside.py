"""A task beside the main thread, which hears signals while it waits for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from .stages.outcome import HEARS_SIGNALS_EVERY_S

T = TypeVar("T")


class Beside(Generic[T]):
    """A task in a thread of its own; how it fails is told to whoever takes its result, once."""

    def __init__(self, task: Callable[[], T], *, name: str) -> None:
        self._waiting = [ThreadPoolExecutor(1, thread_name_prefix=name).submit(task)]

    def take(self) -> T:
        """What the task returned, which nobody else holds; raises what it raised."""
        future = self._waiting.pop()
        while not wait([future], timeout=HEARS_SIGNALS_EVERY_S).done:
            pass
        return future.result()
