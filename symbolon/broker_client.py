"""A broker called from the command: by TLS 1.3, and only where the server has a key that was pinned.

The pin is looked at when the handshake is over, before a byte of the call is sent. No certificate authority
is asked, and no name or date of the certificate means anything. A proxy that the environment names is gone
through by CONNECT, which sees whom we speak to and nothing of what is said.

Source: RFC 8446, section 4.4.3; RFC 9110, section 9.3.6.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

from requests.utils import get_auth_from_url, get_environ_proxies, select_proxy

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured, SymbolonError, Unavailable
from contract.owner_asks import MOST_ANSWER_BYTES
from contract.pins import pin_of
from contract.release_refusals import BrokerRefused, parse_refusal

TIMEOUT_S: Final = 20
PAUSES_S: Final = (0.3, 1.0, 3.0)
"""Between tries of the same call, while nobody answers: a broker does an order once."""
_LATER: Final = ("rate-limited", "broker-full", "database-unavailable")
_HTTPS: Final = 443


class BrokerUnreachable(Unavailable):
    """Nobody answers at the broker's address, or not by TLS 1.3."""

    code = "broker-unreachable"


class BrokerNotPinned(EvidenceRejected):
    """Whoever answers at the broker's address does not have a key that was pinned: nothing was told."""

    code = "broker-not-pinned"


def call(
    url: str,
    path: str,
    body: bytes | None,
    *,
    pins: Sequence[Digest],
    pauses_s: Sequence[float] = PAUSES_S,
) -> bytes:
    """What the broker answers: to `body`, or without one to a GET. While nobody answers it is asked again.

    Raises:
        BrokerRefused: the broker says no.
        BrokerNotPinned: it is not the broker.
        BrokerUnreachable: nobody answers.
        Misconfigured: the environment's proxy is of a kind that is not known here.
    """
    for pause in pauses_s:
        try:
            return _call(url, path, body, pins)
        except SymbolonError as error:
            if not _is_later(error):
                raise
        time.sleep(pause)
    return _call(url, path, body, pins)


def _is_later(error: SymbolonError) -> bool:
    """Whether the same call may succeed in a moment."""
    refused = isinstance(error, BrokerRefused) and error.code in _LATER
    return refused or isinstance(error, BrokerUnreachable)


def _call(url: str, path: str, body: bytes | None, pins: Sequence[Digest]) -> bytes:
    headers = {"connection": "close"} | ({} if body is None else {"content-type": "application/json"})
    try:
        with closing(pinned_connection(url, pins)) as connection:
            connection.request("GET" if body is None else "POST", path, body=body, headers=headers)
            response = connection.getresponse()
            answer = response.read(MOST_ANSWER_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise BrokerUnreachable(
            f"the broker `{url}` cannot be reached",
            hint="look whether it is up: symbolon broker status DIR; and whether this machine reaches it",
        ) from error
    if response.status != http.client.OK:
        raise parse_refusal(answer, status=response.status)
    if len(answer) > MOST_ANSWER_BYTES:
        raise EvidenceRejected(f"the broker's answer is larger than {MOST_ANSWER_BYTES} bytes")
    return answer


def pinned_connection(url: str, pins: Sequence[Digest]) -> http.client.HTTPSConnection:
    """A connection to the broker, opened by its first request, and refused where its key is not pinned.

    Raises:
        Misconfigured: the environment's proxy is of a kind that is not known here.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _HTTPS
    proxy = select_proxy(url, get_environ_proxies(url))
    if proxy is None:
        return _Pinned(host, port, url=url, pins=pins)
    via = urlsplit(proxy)
    if via.scheme != "http" or not via.hostname:
        raise Misconfigured(
            "the environment's proxy is not one of `http://`, by which alone a broker is reached",
            hint="name the broker's host in NO_PROXY, or another proxy in HTTPS_PROXY",
        )
    connection = _Pinned(via.hostname, via.port or 80, url=url, pins=pins)
    user, password = get_auth_from_url(proxy)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    connection.set_tunnel(host, port, headers={"proxy-authorization": f"Basic {basic}"} if user else {})
    return connection


class _Pinned(http.client.HTTPSConnection):
    """A connection that is of use only once the server's key was found among the pins."""

    def __init__(self, host: str, port: int, *, url: str, pins: Sequence[Digest]) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S, context=_context())
        self._url, self._pins = url, pins

    def connect(self) -> None:
        super().connect()
        certificate = self.sock.getpeercert(binary_form=True)
        if certificate and pin_of(certificate) in self._pins:
            return
        self.close()
        raise BrokerNotPinned(
            f"the server at `{self._url}` does not have the key that is pinned; it was told nothing",
            hint="`symbolon broker status` says what the broker's pins are; find out who answers there",
        )


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # INVARIANT: `_Pinned` looks at the key in its place
    return context
