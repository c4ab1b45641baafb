"""So many bytes of bodies are held at a time; a small one always has room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request

from contract.release_refusals import BrokerRefused
from release.bodies import FREE_BYTES, Room

MOST = 4 << 20


def request_of(parts: Sequence[bytes], *, announced: int | None = None) -> Request:
    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    headers = {} if announced is None else {"content-length": str(announced)}
    return cast(Request, SimpleNamespace(headers=headers, stream=stream))


async def held(room: Room, size: int) -> Any:
    """A body of so many bytes that stays until it is closed."""
    body = room.body(request_of([b"x" * (size // 2), b"x" * (size - size // 2)]), most=MOST)
    assert len(await body.__aenter__()) == size
    return body


async def refused(room: Room, size: int, *, announced: int | None = None) -> BrokerRefused:
    with pytest.raises(BrokerRefused) as caught:
        async with room.body(request_of([b"x" * size], announced=announced), most=MOST):
            pass
    return caught.value


def test_a_body_for_which_there_is_no_room_is_refused_until_another_has_ended() -> None:
    async def story() -> None:
        room = Room(100)
        first = await held(room, FREE_BYTES + 60)
        refusal = await refused(room, FREE_BYTES + 41)
        assert (refusal.code, refusal.refusal.status) == ("broker-full", 503)
        second = await held(room, FREE_BYTES + 40)
        await second.__aexit__(None, None, None)
        await first.__aexit__(None, None, None)
        await held(room, FREE_BYTES + 100)

    asyncio.run(story())


def test_a_small_body_has_room_where_there_is_none() -> None:
    asyncio.run(held(Room(0), FREE_BYTES))


def test_who_only_announces_a_body_takes_no_room() -> None:
    async def story() -> None:
        room = Room(100)
        async with room.body(request_of([b"x"], announced=MOST), most=MOST):
            await held(room, FREE_BYTES + 100)

    asyncio.run(story())


@pytest.mark.parametrize("size", [MOST + 1, FREE_BYTES + 101], ids=["too large", "no room"])
def test_a_body_that_was_refused_leaves_its_room_to_others(size: int) -> None:
    async def story() -> None:
        room = Room(100)
        await refused(room, size)
        await held(room, FREE_BYTES + 100)

    asyncio.run(story())
