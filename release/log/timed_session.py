"""A session of `requests` whose call has an end, whatever the other side sends.

A timeout of `requests` is for each piece that arrives: who sends a byte now and then would be listened to
for ever. Here the connection is cut when the time is over, and whoever reads from it finds it closed.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection


class TimedSession(requests.Session):
    """One call at a time, within the block of `within`."""

    def __init__(self) -> None:
        super().__init__()
        self._socket: socket.socket | None = None
        self._is_over = False
        adapter = _Adapter(self._connected)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What is sent and read in the block fails once so many seconds are over."""
        self._is_over = False
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _connected(self, connected: socket.socket) -> None:
        self._socket = connected
        if self._is_over:
            self._cut()

    def _end(self) -> None:
        self._is_over = True
        self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # TLS is told nothing: it is in use


class _Adapter(HTTPAdapter):
    """Each connection tells `connected` of its socket."""

    def __init__(self, connected: Callable[[socket.socket], None]) -> None:
        self._pools = _pools(connected)
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(connected: Callable[[socket.socket], None]) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            connected(self.sock)

    class Tls(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            connected(self.sock)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
