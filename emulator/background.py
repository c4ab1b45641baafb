"""An application that answers on a socket and a thread of its own, for as long as a block lasts."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

_CONNECTIONS = 128


@contextmanager
def served(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """`app` answers on `listener`, which must be bound; it is closed at the end."""
    listener.listen(_CONNECTIONS)  # now, so that a client may come before the thread does
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        http="h11",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def unix_listener(path: Path, *, mode: int) -> socket.socket:
    """A Unix socket at `path` with that mode, whatever was there before.

    The name is bound by way of its folder's descriptor: a `sockaddr_un` holds 107 bytes of path.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    path.chmod(mode)
    return listener
