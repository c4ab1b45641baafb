"""HTTP/1.1 as ever, and to those who speak HTTP/2 alone one sentence: Google's gRPC clients.

Such a client would wait a minute for a server that speaks HTTP/2, and then say nothing of use. Here
each call that it begins ends at once, with status 12 (UNIMPLEMENTED) and where to go instead.

Source: RFC 9113; grpc/grpc, doc/PROTOCOL-HTTP2.md ("Trailers-Only") and doc/statuscodes.md.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.exceptions import ProtocolError
from uvicorn.protocols.http.h11_impl import H11Protocol

_IDENTITY = re.compile(rb"\r\ntransfer-encoding:[ \t]*identity[ \t]*(?=\r\n|$)", re.IGNORECASE)
_UNIMPLEMENTED = "12"
_SENTENCE = (
    "the emulator does not have gRPC: make the client with transport='rest', as its documentation says, "
    "or use gcloud"
)


class HttpProtocol(H11Protocol):
    """One connection, in the protocol that TLS agreed upon (ALPN)."""

    _refusing: GrpcRefusal | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The connection is open; what is said on it, HTTP/1.1 or HTTP/2, is settled."""
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self._refusing = GrpcRefusal(transport)
        else:
            super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._refusing is None:
            begins = repr(self.conn.their_state) == "IDLE"
            super().data_received(without_identity(data) if begins else data)
        else:
            self._refusing.receive(data)

    def eof_received(self) -> None:
        """The client sends no more."""
        if self._refusing is None:
            super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        if self._refusing is None:
            super().connection_lost(exc)


def without_identity(request: bytes) -> bytes:
    """The request without `Transfer-Encoding: identity`, which says nothing, and which h11 does not know.

    TensorFlow's `gs://` sends it. Source: RFC 2616, section 3.6; RFC 7230, appendix A.2, takes it back.

    >>> without_identity(b"PUT / HTTP/1.1\\r\\ntransfer-encoding: identity\\r\\nhost: x\\r\\n\\r\\n")
    b'PUT / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n'
    """
    head, end, body = request.partition(b"\r\n\r\n")
    return _IDENTITY.sub(b"", head) + end + body if end else request


class GrpcRefusal:
    """Answers each gRPC call on an HTTP/2 connection with the sentence."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._connection = H2Connection(H2Configuration(client_side=False))
        self._connection.initiate_connection()
        self._send()

    def receive(self, data: bytes) -> None:
        """What these bytes ask for is answered; whoever does not speak HTTP/2 is cut off."""
        try:
            events = self._connection.receive_data(data)
        except ProtocolError:
            self._send()
            self._transport.close()
            return
        for event in events:
            if isinstance(event, RequestReceived):
                headers = [
                    (":status", "200"),
                    ("content-type", "application/grpc"),
                    ("grpc-status", _UNIMPLEMENTED),
                    ("grpc-message", _SENTENCE),
                ]
                self._connection.send_headers(event.stream_id, cast(Any, headers), end_stream=True)
        self._send()

    def _send(self) -> None:
        self._transport.write(self._connection.data_to_send())
