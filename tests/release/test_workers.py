"""So many calls are worked on at once, so many wait, and the next one is refused at once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from contract.release_refusals import BrokerRefused
from release.workers import Workers


def test_a_call_that_finds_no_place_is_refused_and_one_that_ends_makes_room() -> None:
    workers, go = Workers(workers=2, waiting=1), threading.Event()

    async def story() -> None:
        def wait() -> str:
            assert go.wait(60)
            return "done"

        taken = [asyncio.create_task(workers.run(wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(BrokerRefused) as refused:
            await workers.run(wait)
        assert refused.value.code == "rate-limited"
        go.set()
        assert await asyncio.gather(*taken) == ["done"] * 3
        assert await workers.run(wait) == "done"

    asyncio.run(story())
    workers.stop()


def test_what_was_taken_is_done_although_nobody_waits_for_it_any_more() -> None:
    workers, go, done = Workers(workers=1, waiting=1), threading.Event(), threading.Event()

    async def story() -> None:
        def work() -> None:
            assert go.wait(60)
            done.set()

        task = asyncio.create_task(workers.run(work))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    go.set()
    workers.stop()
    assert done.is_set()


def test_what_the_work_raises_is_raised() -> None:
    workers = Workers(workers=1, waiting=0)

    def fail() -> None:
        raise ValueError("its own")

    async def story() -> None:
        for _ in range(3):  # each gives its place back
            with pytest.raises(ValueError, match="its own"):
                await workers.run(fail)

    asyncio.run(story())
    workers.stop()
