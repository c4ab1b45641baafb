"""The broker's calls, as HTTP has them: what was sent is handed on, and the answer or the refusal goes back.

Nothing is decided here. What blocks runs in threads (`Workers`); a call that finds no place is refused, and
so is a body that is too large, too slow, or finds no room (`Room`). What the owner orders and asks has a
thread and a queue apart. Each call's end is a line of the log and a number of the metrics.

Source: RFC 9110; C2SP tlog-tiles, "Checkpoints", "Tiles".
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from attestation.errors import SymbolonError
from contract import orders, release
from contract.release_refusals import REFUSALS, BrokerRefused, render_refusal

from .bodies import Room
from .broker import Broker
from .event_log import EventLog
from .health import Health, look
from .log.tiles import Resource, resource_at
from .metrics import CONTENT_TYPE, Metrics
from .openapi import render_openapi
from .orders.applying import apply
from .orders.querying import answer_query
from .releasing import Note, issue_challenge
from .releasing import release as release_key
from .reporting import report
from .store.engine import reading
from .workers import Workers

MOST_REPORT_BYTES: Final = 4 << 20
_JSON = "application/json"
_LATER = {"retry-after": "1"}
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Clock: TypeAlias = Callable[[], float]
Work: TypeAlias = Callable[[Broker, bytes, Clock, Note], bytes]
"""Answers a call's body; what it notes stands in the line of the log that tells of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A broker, and what it takes to serve it. `clock` is seconds since the epoch.

    `workers` are for whoever calls, `owners` for what the owner orders and asks, `looking` for who watches.
    """

    broker: Broker
    workers: Workers
    owners: Workers
    looking: Workers
    room: Room
    metrics: Metrics
    log: EventLog
    clock: Clock


def make_app(service: Service) -> Starlette:
    """The application that answers the broker's calls."""
    workers, owners = service.workers, service.owners
    return Starlette(
        routes=[
            _post(service, "/v1/challenge", _challenge, None, most=1024),
            _post(service, "/v1/release", release_key, workers, most=release.MOST_BYTES),
            _post(service, "/v1/report", _report, workers, most=MOST_REPORT_BYTES),
            _post(service, "/v1/orders", _order, owners, most=orders.MOST_BYTES),
            _post(service, "/v1/query", _query, owners, most=release.MOST_BYTES),
            Route("/checkpoint", _log(service), methods=["GET"]),
            Route("/tile/{path:path}", _log(service), methods=["GET"]),
            Route("/healthz", _alive, methods=["GET"]),
            Route("/readyz", _ready(service), methods=["GET"]),
            Route("/metrics", _metrics(service), methods=["GET"]),
            Route("/openapi.json", _openapi, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _no_such_call, Exception: _on_bug(service)},
    )


def _challenge(broker: Broker, body: bytes, clock: Clock, _: Note) -> bytes:
    """A challenge is asked for with nothing in the body; what is there all the same is not looked at."""
    return issue_challenge(broker, clock())


def _order(broker: Broker, body: bytes, clock: Clock, _: Note) -> bytes:
    return apply(broker, body, clock())


def _report(broker: Broker, body: bytes, clock: Clock, _: Note) -> bytes:
    return report(broker, body, clock)


def _query(broker: Broker, body: bytes, clock: Clock, _: Note) -> bytes:
    return answer_query(broker, body, clock())


def _post(service: Service, path: str, work: Work, workers: Workers | None, *, most: int) -> Route:
    """The call `POST path`: at most so many bytes are handed to `work`, in a thread of `workers`.

    What waits for nothing, and takes less time than to wake a thread, has None.
    """

    async def answer(request: Request) -> Response:
        said: dict[str, str] = {}

        def work_on(body: bytes) -> bytes:
            return work(service.broker, body, service.clock, said.update)

        try:
            async with service.room.body(request, most=most) as body:
                answer = work_on(body) if workers is None else await workers.run(lambda: work_on(body))
        finally:
            request.state.said = said
        return Response(answer, media_type=_JSON, headers={"cache-control": "no-store"})

    return Route(path, _ended(service, path.rpartition("/")[2], answer), methods=["POST"])


def _ended(service: Service, call: str, endpoint: Endpoint) -> Endpoint:
    """`endpoint`, however it ends: a refusal is an answer, and each end is counted and logged."""

    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        service.metrics.begin()
        outcome, status, noted = "bug", 500, {}
        try:
            response = await endpoint(request)
            outcome, status = "yes", response.status_code
        except BrokerRefused as refusal:
            response, outcome, status = _refused(refusal), refusal.code, refusal.refusal.status
            if status == 503:  # the broker's own trouble, of which its owner wants the words
                noted = {"reason": refusal.message}
        except HTTPException as absent:
            outcome, status = "no-such-call", absent.status_code
            raise
        except ClientDisconnect:
            response, outcome, status = Response(status_code=400), "left", 400
        except SymbolonError as error:  # the broker's own trouble, which is no caller's business
            not_ready = REFUSALS["broker-not-ready"].error()
            response, outcome, status = _refused(not_ready), not_ready.code, not_ready.refusal.status
            noted = {"trouble": error.code, "reason": error.message}
        finally:
            seconds = time.perf_counter() - began
            service.metrics.end(call, outcome, seconds)
            service.log.write(
                "answered",
                call=call,
                status=status,
                outcome=outcome,
                took_ms=round(seconds * 1000, 1),
                **getattr(request.state, "said", {}),
                **noted,
            )
        return response

    return answer


def _refused(refusal: BrokerRefused) -> Response:
    status = refusal.refusal.status
    return Response(
        render_refusal(refusal),
        status_code=status,
        media_type=_JSON,
        headers={"cache-control": "no-store"} | (_LATER if status in (429, 503) else {}),
    )


def _on_bug(service: Service) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What nobody meant to happen: its kind and place are logged, not its words, which can hold anything."""

    async def answer(request: Request, bug: Exception) -> Response:
        frame = traceback.extract_tb(bug.__traceback__)[-1]
        place = f"{PurePath(frame.filename).name}:{frame.lineno}"
        service.log.write("bug", trouble=type(bug).__name__, place=place)
        said = {"code": "bug", "message": "the broker has a bug", "hint": "the owner looks at its log"}
        return Response(json.dumps({"error": said}), status_code=500, media_type=_JSON)

    return answer


async def _no_such_call(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    said = {
        "code": "no-such-call",
        "message": "the broker has no such call",
        "hint": "GET /openapi.json lists those that it has",
    }
    headers = error.headers if isinstance(error, HTTPException) else None
    return Response(json.dumps({"error": said}), status_code=status, media_type=_JSON, headers=headers)


def _log(service: Service) -> Endpoint:
    """The log's checkpoint and its tiles, for whoever wants to verify it."""

    def read(path: str) -> Resource | None:
        with reading(service.broker.engine) as connection:
            return resource_at(connection, path)

    async def answer(request: Request) -> Response:
        path = request.url.path.removeprefix("/")
        found = await service.workers.run(lambda: read(path))
        if found is None:
            raise HTTPException(404)
        kept = "public, max-age=31536000, immutable" if found.immutable else "no-cache"
        return Response(found.body, headers={"content-type": found.content_type, "cache-control": kept})

    return _ended(service, "log", answer)


async def _alive(request: Request) -> Response:
    return Response('{"alive":true}', media_type=_JSON, headers={"cache-control": "no-store"})


async def _openapi(request: Request) -> Response:
    return Response(render_openapi(), media_type=_JSON)


def _ready(service: Service) -> Endpoint:
    async def answer(request: Request) -> Response:
        health = await _look(service)
        return Response(
            json.dumps({"ready": health.is_ready, "checks": dict(health.checks)}),
            status_code=200 if health.is_ready else 503,
            media_type=_JSON,
            headers={"cache-control": "no-store"},
        )

    return answer


def _metrics(service: Service) -> Endpoint:
    async def answer(request: Request) -> Response:
        health = await _look(service)
        text = service.metrics.render(log_size=health.log_size, ready=health.is_ready)
        return Response(text, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    return answer


async def _look(service: Service) -> Health:
    """INVARIANT: whoever watches has a thread apart, so that a busy broker can be told from a dead one."""
    try:
        return await service.looking.run(lambda: look(service.broker))
    except BrokerRefused as refusal:  # too many look at once
        return Health(checks={"database": refusal.code}, log_size=None)
