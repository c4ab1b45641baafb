"""HTTPS sessions to Google that do once what `requests` does before every request or connection.

It reads proxy and certificates from the environment before each request, and all the certificates
that are trusted, 30 ms of them, for each connection. Neither changes while a job runs.

A timeout of `requests` is for each piece that arrives, so a host that sends a byte now and then would be
listened to for ever. These sessions give it as long as `patience.answer_left_s` says.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import requests
import urllib3
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

from . import patience

STORAGE = "https://storage.googleapis.com"


def settle(session: requests.Session, *, connections: int = DEFAULT_POOLSIZE, retries: int = 0) -> None:
    """`session` speaks to Google's hosts as the environment has it now, and keeps `connections` open.

    More may be under way at a time, at the price of a handshake each. `retries` is how often a request
    is repeated that never reached its host.
    """
    environment = session.merge_environment_settings(STORAGE, {}, None, None, None)
    trusted = environment["verify"]
    context = _context(trusted if isinstance(trusted, str) else DEFAULT_CA_BUNDLE_PATH)
    session.mount("https://", _Adapter(context, pool_maxsize=connections, max_retries=retries))
    session.proxies = environment["proxies"]
    session.trust_env = False


def storage_pool(session: requests.Session) -> urllib3.HTTPSConnectionPool | None:
    """The connections to Cloud Storage of a session that is settled, to be used by themselves; else None."""
    adapter = session.get_adapter(STORAGE)
    return adapter.pool(session.proxies) if isinstance(adapter, _Adapter) else None


@cache
def _context(trusted: str) -> ssl.SSLContext:
    """Trusts the certificates in the file `trusted`."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    context.hostname_checks_common_name = False
    context.load_verify_locations(trusted)
    return context


class TimedSocket(ssl.SSLSocket):
    """Gives up an answer that does not come to its end; that is a timeout like any other.

    An answer begins with the last byte that was sent. Whether it has taken too long is asked before each
    piece is waited for, which costs next to nothing; a piece itself has the timeout of the request.
    """

    _asked_at = 0.0
    _received = 0

    def send(self, data: Any, flags: int = 0) -> int:
        self._asked_at, self._received = time.monotonic(), 0
        return super().send(data, flags)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        if patience.answer_left_s(time.monotonic() - self._asked_at, self._received) <= 0:
            raise TimeoutError("an answer does not come to its end")
        found = super().read(len, buffer)
        self._received += found if isinstance(found, int) else memoryview(found).nbytes
        return found


class _Context(ssl.SSLContext):
    """Takes its protocols once: urllib3 names the same ones for each connection, and OpenSSL must not
    be told while another thread connects.
    """

    sslsocket_class = TimedSocket
    _settled = False

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        if not self._settled:
            super().set_alpn_protocols(alpn_protocols)
            self._settled = True


class _Adapter(HTTPAdapter):
    """All connections share one TLS context.

    INVARIANT: it is told to verify, and not to read certificates of its own; both are the context's part.
    """

    def __init__(self, context: ssl.SSLContext, **options: Any) -> None:
        self._context = context
        self._pool: urllib3.HTTPSConnectionPool | None = None
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._context, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **options)

    def pool(self, proxies: Any) -> urllib3.HTTPSConnectionPool:
        """The connections to Cloud Storage, which requests takes as well."""
        if self._pool is None:
            proxy = select_proxy(STORAGE, proxies)
            manager = self.proxy_manager_for(proxy) if proxy else self.poolmanager
            pool = manager.connection_from_url(STORAGE)
            self.cert_verify(pool, STORAGE, True, None)
            self._pool = pool
        return self._pool

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:
        conn.cert_reqs = "CERT_REQUIRED"
