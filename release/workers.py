"""Threads for what blocks: so many calls are worked on at once, so many wait, and the rest are refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from contract.release_refusals import REFUSALS

T = TypeVar("T")


class Workers:
    """`workers` calls at a time, and `waiting` more that have been taken."""

    def __init__(self, *, workers: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="call")
        self._places = threading.BoundedSemaphore(workers + waiting)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. It is done once it is taken, whoever waits for it or not.

        Raises:
            BrokerRefused: `rate-limited`, where there is no place.
        """
        if not self._places.acquire(blocking=False):
            raise REFUSALS["rate-limited"].error()
        done = self._pool.submit(work)
        done.add_done_callback(self._leave)
        return await asyncio.shield(asyncio.wrap_future(done))

    def stop(self) -> None:
        """The tasks that were taken are done, and no other is taken."""
        self._pool.shutdown(wait=True)

    def _leave(self, done: Future[T]) -> None:
        self._places.release()
