"""A broker's process: it listens with TLS 1.3, answers, and stops when it is asked to, at a call's end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from attestation.errors import Misconfigured, quoted

from .server import Service, make_app
from .settings import is_port_sound
from .workers import Workers

_CONNECTIONS: Final = 1024
_BACKLOG: Final = 256
BEGINNING_S: Final = 10
_KEEP_ALIVE_S: Final = 30
_STOPPING_S: Final = 20
"""A call that is worked on has so long to end when the broker is asked to stop."""
WAITING_PER_WORKER: Final = 16


class AddressTaken(Misconfigured):
    """The broker cannot listen there."""

    code = "address-taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The threads of a broker: for whoever calls, for its owner, and for who watches."""

    calls: Workers
    owners: Workers
    looking: Workers


@contextmanager
def working(workers: int) -> Iterator[Working]:
    """Threads for calls, and some apart for the owner and for who watches; what they have taken is done."""
    with ExitStack() as stopping:

        def begun(number: int) -> Workers:
            made = Workers(workers=number, waiting=number * WAITING_PER_WORKER)
            stopping.callback(made.stop)
            return made

        yield Working(calls=begun(workers), owners=begun(1), looking=begun(1))


def listen(address: str) -> socket.socket:
    """A socket that listens at `ADDRESS:PORT`.

    Raises:
        AddressTaken: another process does, or this machine has no such address.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not host or not port.isdecimal() or not is_port_sound(address):
        raise _taken(address, "it is no `ADDRESS:PORT`, with a port of 0 to 65535")
    try:
        listener = socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
    except socket.gaierror as error:
        raise _taken(address, str(error.strerror).lower()) from None
    except OSError as error:
        raise _taken(address, os.strerror(error.errno or 0).lower()) from None
    # What is accepted inherits it; asyncio sets it on no socket that does not name its protocol. Without it
    # an answer in two pieces waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _taken(address: str, why: str) -> AddressTaken:
    return AddressTaken(
        f"cannot listen at {quoted(address)}: {why}",
        hint="stop what listens there, or name another one: --address ADDRESS:PORT",
    )


def serve(
    service: Service, listener: socket.socket, context: ssl.SSLContext, *, on_ready: Callable[[], None]
) -> None:
    """The broker answers until SIGTERM, SIGINT or SIGHUP; what it works on is answered first."""
    asyncio.run(_serve(service, listener, context, on_ready))


class Prompt(H11Protocol):
    """A connection on which no request has come whole, but for its body, is closed after a while.

    uvicorn waits for a first request without an end, and for a next one as long as a byte comes now and then;
    whoever opens connections and says nothing would have them all. Where all are taken, the one that has
    waited longest for its caller makes room for the next.
    """

    since: float
    """When it was opened, by the event loop's clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.since = self.loop.time()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency - 1:
            self._make_room()
        super().connection_made(transport)
        self.loop.call_later(BEGINNING_S, self._close_if_silent)

    @property
    def waits_for_its_caller(self) -> bool:
        """Whether no whole request is here that has to be answered."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _make_room(self) -> None:
        waiting = [
            each for each in self.connections if isinstance(each, Prompt) and each.waits_for_its_caller
        ]
        if waiting:
            oldest = min(waiting, key=lambda each: each.since)
            self.connections.discard(oldest)
            oldest.transport.abort()

    def on_response_complete(self) -> None:
        answered = self.cycle  # what is sent ahead may be the next one at once
        super().on_response_complete()
        self.loop.call_later(_KEEP_ALIVE_S, self._close_if_silent, answered)

    def _close_if_silent(self, answered: RequestResponseCycle | None = None) -> None:
        """`answered` is the last request that there was; None before the first."""
        if self.cycle is answered and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn's server, whose signals are ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    service: Service, listener: socket.socket, context: ssl.SSLContext, on_ready: Callable[[], None]
) -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # its words may hold what was sent
    config = uvicorn.Config(
        make_app(service),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws="none",
        http=Prompt,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOPPING_S,
        ssl_context_factory=lambda _config, _default: context,
    )
    server = _Server(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    service.log.write("ready", address="{}:{}".format(*listener.getsockname()[:2]))
    gc.collect()
    gc.freeze()  # what is here by now stays: nobody looks for garbage in it at every thousandth call
    on_ready()
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        service.log.write("stopping")
        server.should_exit = True
        await serving
        stopping.cancel()
        service.log.write("stopped")
