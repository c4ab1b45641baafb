"""What was sent, up to so many bytes and within so many seconds."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from contract.release_refusals import REFUSALS

TIMEOUT_S = 30
"""Who sends more slowly than a whole body in this time is refused, and holds nobody's place."""


async def read_body(request: Request, *, most: int) -> bytes:
    """The body of a request.

    Raises:
        BrokerRefused: `request-too-large`, or `request-malformed` where it does not end in time.
        ClientDisconnect: whoever sent it has left.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 12 or int(announced) > most:
        raise REFUSALS["request-too-large"].error()
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise REFUSALS["request-too-large"].error()
    except TimeoutError:
        raise REFUSALS["request-malformed"].error(
            f"the request did not arrive within {TIMEOUT_S} s", "look at the network, and try again"
        ) from None
    return bytes(body)
