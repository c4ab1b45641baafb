"""All services behind one gateway, from one state folder, until someone says stop."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from attestation.errors import Misconfigured

from . import (
    artifact_registry,
    calls,
    cloud_logging,
    compute,
    iam,
    kms,
    oauth2,
    projects,
    registry,
    service_usage,
    storage,
    sts,
    verifier,
)
from .address import Address
from .background import unix_listener
from .certificates import is_covered, server_context
from .errors import (
    GoogleError,
    OAuthError,
    not_emulated,
    on_google_error,
    on_oauth_error,
    render_everywhere,
)
from .faults import FaultMiddleware
from .gateway import Gateway
from .grpc_refusal import HttpProtocol
from .iam import iam_credentials
from .state import State, write_atomically
from .ui import server as ui
from .vm import runc

_KEEP_ALIVE_S = 240
_SERVICE_USAGE = "serviceusage.googleapis.com"
_OAUTH_HOSTS = ("oauth2.googleapis.com", "sts.googleapis.com")
_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]


def services(state: State, fleet: compute.Fleet) -> dict[str, ASGIApp]:
    """Every service by its production host name; `{…}` stands for a part of one label."""
    instances, cloud_storage = compute.routes(state, fleet), storage.make_app(state)
    hosts: dict[str, ASGIApp] = {
        "artifactregistry.googleapis.com": _router(artifact_registry.routes(state), calls.ARTIFACT_REGISTRY),
        "cloudkms.googleapis.com": _router(kms.routes(state), calls.CLOUD_KMS),
        "cloudresourcemanager.googleapis.com": _router(
            projects.routes(state), calls.RESOURCE_MANAGER_1, calls.RESOURCE_MANAGER_3
        ),
        "compute.googleapis.com": _router(instances, calls.COMPUTE),
        "confidentialcomputing.googleapis.com": _router(verifier.discovery_routes(fleet.verifier)),
        "iam.googleapis.com": _router(iam.routes(state), calls.IAM),
        "logging.googleapis.com": _router(cloud_logging.routes(state), calls.LOGGING),
        "iamcredentials.googleapis.com": _router(iam_credentials.routes(state), calls.IAM_CREDENTIALS),
        "oauth2.googleapis.com": _router(oauth2.routes(state)),
        "storage.googleapis.com": cloud_storage,
        "sts.googleapis.com": _router(sts.routes(state, fleet.verifier), calls.STS),
        "www.googleapis.com": storage.under_its_old_host(
            cloud_storage,
            _router(
                [
                    *verifier.jwks_routes(fleet.verifier),
                    *iam_credentials.key_routes(state),
                    *oauth2.routes(state, path="/oauth2/v3/token"),
                    *instances,
                ],
                calls.COMPUTE,
            ),
        ),
        "{location}-docker.pkg.dev": registry.make_app(state),
    }
    apis = [host for host in (*hosts, _SERVICE_USAGE) if host.endswith(".googleapis.com")]
    served = [host for host in apis if host not in ("oauth2.googleapis.com", "www.googleapis.com")]
    return {**hosts, _SERVICE_USAGE: _router(service_usage.routes(state, served), calls.SERVICE_USAGE)}


def make_app(state: State, hosts: Mapping[str, ASGIApp]) -> Starlette:
    """One application for all hosts; one that no service has is answered as an absent call is."""
    app = Starlette(
        routes=[
            *(Host(host, service) for host, service in hosts.items()),
            Route("/{path:path}", _absent, methods=_METHODS),
        ],
        exception_handlers={GoogleError: on_google_error, OAuthError: on_oauth_error},
    )
    app.add_middleware(FaultMiddleware, folder=state.folder)
    return app


def _router(routes: Sequence[BaseRoute], *services: calls.Service) -> ASGIApp:
    """`routes`; any other call, and a parameter that one does not honour, is answered with a sentence."""
    router = Router([*routes, Route("/{path:path}", _absent, methods=_METHODS)])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            for service in services:
                service.check(Request(scope))
        except GoogleError as error:
            await render_everywhere(error)(scope, receive, send)
        else:
            await router(scope, receive, send)

    return app


async def _absent(request: Request) -> Response:
    """400, in the shape of whichever service was asked: a 501 is asked again for half a minute."""
    url = request.url
    sentence = f"the emulator does not have {request.method} https://{url.hostname}{url.path}"
    if url.hostname in _OAUTH_HOSTS:
        raise OAuthError("invalid_request", sentence)
    return render_everywhere(not_emulated(sentence))


def run(
    folder: Path,
    *,
    port: int,
    routes: Mapping[str, int],
    whole_images: bool,
    on_ready: Callable[[bytes], None],
    until: socket.socket | None,
    starter: socket.socket | None = None,
    with_page: bool = False,
) -> None:
    """Serves `folder` until SIGTERM, SIGINT or the end of `until`; hands `emulator.json` on when ready.

    Until it is ready the end of `starter` ends it too: who waited for it has left, and nobody knows of it.

    `routes`: a host's name → the port on 127.0.0.1 that tunnels to it end at.
    `whole_images`: a workload runs by runc, from its image's own root file system.
    `with_page`: a page on loopback shows what is recorded, to whoever has a ticket for it.

    Raises:
        Misconfigured: another emulator has the folder, the port is taken, or this machine has no such runc.
    """
    if whole_images and (reason := runc.why_not()):
        raise Misconfigured(
            f"an image cannot be run from its own root file system here: {reason}",
            hint="without --whole-images this machine's Python environment stands for an image's base",
        )
    os.umask(0o077)  # whatever any library writes here is this user's alone
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _only_one_on(folder):
        asyncio.run(
            _serve(
                folder,
                port=port,
                routes=routes,
                whole_images=whole_images,
                on_ready=on_ready,
                until=until,
                starter=starter,
                with_page=with_page,
            )
        )


async def _serve(
    folder: Path,
    *,
    port: int,
    routes: Mapping[str, int],
    whole_images: bool,
    on_ready: Callable[[bytes], None],
    until: socket.socket | None,
    starter: socket.socket | None,
    with_page: bool,
) -> None:
    stop = _stop_event(*(each for each in (until, starter) if each is not None))
    listeners = [_tcp_listener(port), unix_listener(folder / "gateway.sock", mode=0o600)]
    address = Address(
        proxy=f"http://127.0.0.1:{listeners[0].getsockname()[1]}",
        gateway_socket=folder / "gateway.sock",
        ca_file=folder / "ca.pem",
    )
    state = State(folder, clock=time.time)
    projects.seed(state)
    fleet = compute.Fleet(state, verifier.Verifier(state), address, kind="runc" if whole_images else None)
    hosts = services(state, fleet)
    _check_routes(routes, hosts)
    tls_socket = folder / "tls.sock"
    gateway = Gateway(is_served=is_covered, tls_socket=tls_socket, routes=routes)
    description = folder / "emulator.json"
    open_pages = ExitStack()
    async with _tls_server(make_app(state, hosts), tls_socket, server_context(folder)):
        await gateway.start(*listeners)
        page = open_pages.enter_context(ui.serving(folder)) if with_page else ""
        described = _describe(state, address, routes, whole_images) | {"page": page}
        document = json.dumps(described, indent=1).encode()
        write_atomically(description, document)
        try:
            on_ready(document)
            if starter is not None:
                asyncio.get_running_loop().remove_reader(starter)
            await stop.wait()
        finally:
            description.unlink()
            await asyncio.to_thread(open_pages.close)
            await asyncio.to_thread(fleet.stop)
            await gateway.stop()
            for path in (address.gateway_socket, tls_socket):
                path.unlink(missing_ok=True)


def _check_routes(routes: Mapping[str, int], hosts: Mapping[str, ASGIApp]) -> None:
    """No name that a service of the emulator has is routed to anybody else.

    Raises:
        Misconfigured: one is.
    """
    for name in routes:
        if any(Host(host, Router()).host_regex.match(name) for host in hosts):
            raise Misconfigured(
                f"`{name}` cannot be routed: the emulator answers there itself",
                hint="name a host that the emulator does not have",
            )


def _describe(
    state: State, address: Address, routes: Mapping[str, int], whole_images: bool
) -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "proxy": address.proxy,
        "ca_file": str(address.ca_file),
        "gateway_socket": str(address.gateway_socket),
        "projects": [name for name, _ in state.collection("projects").items()],
        "routes": dict(routes),
        "whole_images": whole_images,
    }


class _Server(uvicorn.Server):
    """uvicorn's server, but for signals: those are the emulator's, which has more to stop than this."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _tls_server(app: Starlette, path: Path, context: ssl.SSLContext) -> AsyncIterator[None]:
    """`app` answers over TLS on the Unix socket `path`."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        http=HttpProtocol,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=2,
        ssl_context_factory=lambda _config, _default: context,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[unix_listener(path, mode=0o600)]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _stop_event(*until: socket.socket) -> asyncio.Event:
    """Set at SIGTERM, at SIGINT, and when the other end of one of `until` is closed."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    for each in until:
        loop.add_reader(each, stop.set)
    return stop


@contextmanager
def _only_one_on(folder: Path) -> Iterator[None]:
    """This process alone serves the folder; the kernel frees the lock however the process ends."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(
                "an emulator already runs on this state folder",
                hint="use that one, stop it with `symbolon emulator down`, or name another folder",
            ) from None
        yield


def _tcp_listener(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "ports are 0 to 65535"
        raise Misconfigured(
            f"cannot listen on port `{port}`: {reason.lower()}",
            hint="leave the port out, and a free one is taken",
        ) from None
