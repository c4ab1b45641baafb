"""The owner's broker: reached over TLS 1.3, known by the key of its server, and asked with bounded patience.

No certificate authority is asked who it is. The SHA-256 of the server's public key (SubjectPublicKeyInfo)
has to be one that the terms pin; that is looked at when the handshake is done, which proves that the server
has that key. Not a byte of a request is sent before.

A proxy is used as by every other session of this program, by CONNECT: it sees whom this program speaks to,
and nothing of what is said.

Source: RFC 8446 (TLS 1.3), section 4.4.3; RFC 9110, section 9.3.6 (CONNECT).
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeAlias
from urllib.parse import urlsplit

from requests.utils import get_auth_from_url, get_environ_proxies, select_proxy
from urllib3.util import make_headers

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable
from contract.pins import CertificateMalformed, pin_of
from contract.release import MOST_BYTES, MessageMalformed
from contract.release_refusals import parse_refusal

from . import patience
from .patience import Patience, is_unavailable, patiently
from .sessions import TimedSocket

_HTTPS, _HTTP = 443, 80
Ask: TypeAlias = Callable[[str, bytes], bytes]
_ANEW = frozenset({"challenge-unknown", "challenge-expired"})
"""Refusals after which the same call is of no use, and the next challenge may be."""


class BrokerUnreachable(Unavailable):
    """Nobody answers at the broker's address, or not by TLS 1.3."""

    code = "broker-unreachable"


class BrokerNotPinned(EvidenceRejected):
    """Whoever answers at the broker's address does not have the key that the terms pin: nothing was told."""

    code = "broker-not-pinned"


class Broker:
    """One broker, by its address and the pins of its server's key."""

    def __init__(self, address: str, pins: tuple[Digest, ...]) -> None:
        url = urlsplit(address)
        self._address = address
        self._host, self._port = url.hostname or "", url.port or _HTTPS
        self._context = _context(pins)
        self._proxy = select_proxy(address, get_environ_proxies(address))

    def ask(self, path: str, body: bytes, *, within: Patience | None = None) -> bytes:
        """What the broker answers to `body`, which is sent again, the same to the last byte, while nobody
        answers: a release counts once.

        Raises:
            BrokerRefused: the broker says no.
            BrokerNotPinned: it is not the broker.
            MessageMalformed: its answer is larger than any.
            BrokerUnreachable: nobody answers.
            Misconfigured: the proxy is of a kind that is not known.
        """
        with self.talking(within=within) as ask:
            return ask(path, body)

    @contextmanager
    def talking(self, *, within: Patience | None = None) -> Iterator[Ask]:
        """What asks as `ask` does: one call after the other by one connection, while the broker keeps it."""
        budget = within or patience.SERVICES
        kept: list[http.client.HTTPSConnection] = []
        try:
            yield lambda path, body: patiently(
                lambda: self._ask(path, body, kept, budget.call_s),
                budget,
                passes=lambda error: is_unavailable(error) and getattr(error, "code", "") not in _ANEW,
            )
        finally:
            for connection in kept:
                connection.close()

    def _ask(self, path: str, body: bytes, kept: list[http.client.HTTPSConnection], call_s: float) -> bytes:
        """`kept` is the connection that the call before has left, if any; this one leaves its own there."""
        connection = kept.pop() if kept else self._connect(call_s)
        with ExitStack() as closing:
            closing.callback(connection.close)
            try:
                connection.request("POST", path, body=body, headers={"content-type": "application/json"})
                response = connection.getresponse()
                answer = response.read(MOST_BYTES + 1)
                if response.length and len(answer) <= MOST_BYTES:
                    raise http.client.IncompleteRead(answer, response.length)
            except (OSError, http.client.HTTPException) as error:
                raise BrokerUnreachable(
                    f"the owner's broker `{self._address}` cannot be reached",
                    hint="start the job again; if it stays so, ask the owner whether it is up, and reachable"
                    " from this machine's network",
                ) from error
            if len(answer) > MOST_BYTES:
                raise MessageMalformed(f"the broker's answer is larger than {MOST_BYTES} bytes")
            if not response.will_close:
                closing.pop_all()
                kept.append(connection)
        if response.status == http.client.OK:
            return answer
        raise parse_refusal(answer, status=response.status)

    def _connect(self, call_s: float) -> http.client.HTTPSConnection:
        if self._proxy is None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=call_s, context=self._context)
        proxy = urlsplit(self._proxy)
        if proxy.scheme != "http" or not proxy.hostname:
            raise Misconfigured(
                "the proxy of this image is not one of `http://`, by which alone a broker is reached",
                hint="whoever publishes the image names another proxy, or none",
            )
        connection = http.client.HTTPSConnection(
            proxy.hostname, proxy.port or _HTTP, timeout=call_s, context=self._context
        )
        user, password = get_auth_from_url(self._proxy)
        known = make_headers(proxy_basic_auth=f"{user}:{password}") if user else {}
        connection.set_tunnel(self._host, self._port, headers=known)
        return connection


def _context(pins: tuple[Digest, ...]) -> ssl.SSLContext:
    """TLS 1.3 with a server whose key has one of these digests, whatever certificate it shows."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # INVARIANT: `_Pinned` looks at the key in its place
    context.pins = pins
    return context


class _Pinned(TimedSocket):
    """Is of use to nobody before the server's key has been found among the pins."""

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        context, certificate = self.context, self.getpeercert(binary_form=True)
        try:
            if isinstance(context, _Context) and certificate and pin_of(certificate) in context.pins:
                return
        except CertificateMalformed:
            pass  # which is nobody's
        self.close()
        raise BrokerNotPinned(
            "whoever answers at the broker's address has another key than the terms pin: nothing was asked",
            hint="check the network, and what stands before the broker; where the broker's key was changed,"
            " the owner publishes the image with `release.broker_pins` of it",
        )


class _Context(ssl.SSLContext):
    sslsocket_class = _Pinned
    pins: tuple[Digest, ...] = ()
