"""The page's server: on 127.0.0.1 alone, for a browser that came with a ticket, and for no other page in it.

A page of somebody else that is open in the same browser can send requests here, and by DNS rebinding even
under a name of its own. So in this order: the request names this address as its `Host`; where it has an
`Origin` it is this one, and where the browser says who sent it (`Sec-Fetch-Site`) it is nobody else; it reads
and does not write; and it has the session that a ticket was given for, in a cookie that no other site's
request carries and no script reads. Whatever is not so is refused without a word about the emulator.

Source: WHATWG Fetch, "Origin header"; W3C Fetch Metadata; RFC 6265bis, `SameSite`; WHATWG HTML, 9.2 (events).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..background import served
from .page import REGIONS, Block, blocks_of, render_page
from .records import Records, Snapshot
from .tickets import redeem_ticket

_HERE: Final = Path(__file__).parent
_PERIOD_S: Final = 0.5
_MOST_STREAMS: Final = 8
_MOST_SESSIONS: Final = 64
_USED: Final = (
    "This link was used already, or its emulator was started again.\nA new one: symbolon emulator up --ui\n"
)
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageServer:
    """What answers; `authority` is the `Host` that it has, `127.0.0.1:PORT`."""

    def __init__(self, state: Path, authority: str, *, period_s: float = _PERIOD_S) -> None:
        self._state = state
        self._authority = authority
        self._cookie = f"symbolon-page-{authority.rpartition(':')[2]}"  # cookies know no ports
        self._records = Records(state)
        self._sessions: dict[str, None] = {}
        self._streams = 0
        self._closed = False
        self._period_s = period_s

    def close(self) -> None:
        """No page is told anything any more, so that nobody waits for its stream."""
        self._closed = True

    def app(self) -> ASGIApp:
        """The application; everything passes the guard, and has its headers."""
        files = {"/page.css": "text/css", "/page.js": "text/javascript"}
        app = Starlette(
            routes=[
                Route("/open", self._open),
                Route("/", self._page),
                Route("/events", self._events),
                *(Route(path, self._file(path, kind)) for path, kind in files.items()),
            ]
        )

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message).update(_HEADERS)
                await send(message)

            answer = self._refused(Request(scope)) if scope["type"] == "http" else None
            await (answer or app)(scope, receive, send_with_headers)

        return guarded

    def _refused(self, request: Request) -> Response | None:
        """The answer to what is not for this page, or None."""
        if request.headers.getlist("host") != [self._authority]:
            return PlainTextResponse("this page has another address\n", 421)
        if any(each != f"http://{self._authority}" for each in request.headers.getlist("origin")):
            return PlainTextResponse("another page may not ask this one\n", 403)
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return PlainTextResponse("another page may not ask this one\n", 403)
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("this page is read, and nothing else\n", 405, {"Allow": "GET, HEAD"})
        if request.url.path != "/open" and not self._has_session(request):
            return PlainTextResponse(
                _USED,
                401,
            )
        return None

    def _has_session(self, request: Request) -> bool:
        given = request.cookies.get(self._cookie, "")
        return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest() in self._sessions

    async def _open(self, request: Request) -> Response:
        """The ticket becomes a session, and the address bar keeps nothing that opens the page again."""
        if request.method != "GET" or not redeem_ticket(self._state, request.query_params.get("ticket", "")):
            if self._has_session(request):  # the same link, opened once more in the same browser
                return RedirectResponse("/", 303)
            return PlainTextResponse(_USED, 401)
        session = secrets.token_urlsafe(32)
        self._sessions[hashlib.sha256(session.encode()).hexdigest()] = None
        while len(self._sessions) > _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, session, httponly=True, samesite="strict")
        return answer

    async def _page(self, request: Request) -> Response:
        snapshot = await run_in_threadpool(self._records.read)
        return Response(await run_in_threadpool(render_page, snapshot), media_type="text/html")

    def _file(self, path: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return Response((_HERE / path[1:]).read_bytes(), media_type=kind)

        return answer

    async def _events(self, request: Request) -> Response:
        if self._streams >= _MOST_STREAMS:
            return PlainTextResponse("too many pages are open\n", 503, {"Retry-After": "5"})
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        """At first how everything stands, then what changed, and again and again a sign of life."""
        self._streams += 1
        try:
            known: dict[str, str] = {}
            shown: Snapshot | None = None
            while not self._closed:
                snapshot = await run_in_threadpool(self._records.read)
                blocks = [] if snapshot is shown else await run_in_threadpool(blocks_of, snapshot)
                shown = snapshot
                for name in REGIONS:
                    changed, order = _changes([each for each in blocks if each.region == name], known)
                    if changed:
                        data = json.dumps({"region": name, "blocks": changed, "order": order})
                        yield f"event: change\ndata: {data}\n\n"
                yield f"event: alive\ndata: {snapshot.lines}\n\n"
                await asyncio.sleep(self._period_s)
        finally:
            self._streams -= 1


def _changes(blocks: list[Block], known: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The blocks that a page does not have as they are now, by ID; and the order of all. `known` follows."""
    changed = {each.id: each.html for each in blocks if known.get(each.id) != each.html}
    known |= changed
    return changed, [each.id for each in blocks]


@contextmanager
def serving(state: Path) -> Iterator[str]:
    """The page is served on a free port within the block; its authority, `127.0.0.1:PORT`."""
    listener = socket.create_server(("127.0.0.1", 0))
    authority = f"127.0.0.1:{listener.getsockname()[1]}"
    page = PageServer(state, authority)
    with served(page.app(), listener):
        try:
            yield authority
        finally:
            page.close()
