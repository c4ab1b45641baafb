"""What was sent, up to so many bytes and within so many seconds, and no more of it at a time than fits.

A body takes room as it arrives, and gives it back when its call has ended; whoever only announces one takes
none. Its first `FREE_BYTES` take none either: a challenge, a request for a key or an order that revokes is no
larger, so it has its place however many reports are under way. Budget: `ROOM_BYTES`, and `FREE_BYTES` for
each connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import Request

from contract.release_refusals import REFUSALS

TIMEOUT_S = 30
"""Who sends more slowly than a whole body in this time is refused, and holds nobody's place."""
ROOM_BYTES: Final = 64 << 20
FREE_BYTES: Final = 32 << 10


class Room:
    """Where the bodies are that have arrived, of all connections: `most_bytes` of them, in one event loop."""

    def __init__(self, most_bytes: int = ROOM_BYTES) -> None:
        self._left = most_bytes

    @asynccontextmanager
    async def body(self, request: Request, *, most: int) -> AsyncIterator[bytes]:
        """The body of a request, which has its room until the block ends.

        Raises:
            BrokerRefused: `request-too-large`; `request-malformed` where it does not end in time;
                `broker-full` where it finds no room.
            ClientDisconnect: whoever sent it has left.
        """
        taken = _Taken(self)
        try:
            yield await _read(request, taken, most=most)
        finally:
            taken.give_back()

    def take(self, size: int) -> None:
        """So many bytes more are there.

        Raises:
            BrokerRefused: `broker-full`.
        """
        if size > self._left:
            raise REFUSALS["broker-full"].error()
        self._left -= size

    def give_back(self, size: int) -> None:
        """As much may be taken by others."""
        self._left += size


class _Taken:
    """What one body has taken of the room."""

    def __init__(self, room: Room) -> None:
        self._room, self._size = room, 0

    def grow_to(self, size: int) -> None:
        """The body is `size` bytes long by now."""
        more = max(0, size - FREE_BYTES) - self._size
        self._room.take(more)
        self._size += more

    def give_back(self) -> None:
        self._room.give_back(self._size)
        self._size = 0


async def _read(request: Request, taken: _Taken, *, most: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 12 or int(announced) > most:
        raise REFUSALS["request-too-large"].error()
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for part in request.stream():
                if len(body) + len(part) > most:
                    raise REFUSALS["request-too-large"].error()
                taken.grow_to(len(body) + len(part))
                body += part
    except TimeoutError:
        raise REFUSALS["request-malformed"].error(
            f"the request did not arrive within {TIMEOUT_S} s", "look at the network, and try again"
        ) from None
    return bytes(body)
