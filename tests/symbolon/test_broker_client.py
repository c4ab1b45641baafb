"""A broker is told something only where its server has a pinned key and speaks TLS 1.3."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured
from contract.owner_asks import MOST_ANSWER_BYTES
from contract.pins import pin_of
from contract.release_refusals import BrokerRefused
from release.tls import new_tls_key, self_signed, server_context
from symbolon import broker_client
from symbolon.broker_client import BrokerNotPinned, BrokerUnreachable, call
from tests.orders import NOW

TLS = new_tls_key()
CERTIFICATE = self_signed(TLS, host="localhost", now=NOW)
OTHER = digest_of(b"another key")


class Answering(HTTPServer):
    """What it was asked, and what it answers: status and body, the last one again and again."""

    asked: list[tuple[str, str, bytes]]
    answers: list[tuple[int, bytes]]


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append((self.command, self.path, body))
        answers = self.server.answers
        status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not status:  # nobody hears it
            return
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def directly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[Answering, str]]]:
    """`serve((200, b"…"))` → the server and its address."""
    with ExitStack() as ending:

        def started(
            *answers: tuple[int, bytes], context: ssl.SSLContext | None = None
        ) -> tuple[Answering, str]:
            server = Answering(("127.0.0.1", 0), _Handler)
            ending.callback(server.server_close)
            server.asked, server.answers = [], list(answers)
            wrapped = (context or server_context(CERTIFICATE, TLS)).wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
            server.socket = wrapped
            server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hung up
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            ending.callback(thread.join)
            ending.callback(server.shutdown)
            return server, f"https://127.0.0.1:{server.server_address[1]}"

        yield started


def pin() -> Digest:
    return pin_of(CERTIFICATE.public_bytes(Encoding.DER))


def test_the_current_and_the_next_key_are_both_believed(serve: Callable[..., Any]) -> None:
    server, url = serve((200, b"an answer"))
    assert call(url, "/v1/query", b"a question", pins=(pin(), OTHER)) == b"an answer"
    assert call(url, "/checkpoint", None, pins=(OTHER, pin())) == b"an answer"
    assert server.asked == [("POST", "/v1/query", b"a question"), ("GET", "/checkpoint", b"")]


def test_another_key_is_told_nothing(serve: Callable[..., Any]) -> None:
    server, url = serve((200, b"an answer"))
    with pytest.raises(BrokerNotPinned, match="it was told nothing"):
        call(url, "/v1/query", b"a question", pins=(OTHER,))
    assert server.asked == []


def test_an_older_tls_is_not_spoken(serve: Callable[..., Any]) -> None:
    context = server_context(CERTIFICATE, TLS)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    server, url = serve((200, b"an answer"), context=context)
    with pytest.raises(BrokerUnreachable):
        call(url, "/v1/query", b"a question", pins=(pin(),), pauses_s=())
    assert server.asked == []


def refusal(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": "no", "hint": ""}}).encode()


def test_a_refusal_is_the_broker_s_own(serve: Callable[..., Any]) -> None:
    server, url = serve((403, refusal("licence-unknown")))
    with pytest.raises(BrokerRefused) as no:
        call(url, "/v1/query", b"", pins=(pin(),))
    assert (no.value.code, no.value.message, len(server.asked)) == ("licence-unknown", "no", 1)


def test_what_may_be_better_in_a_moment_is_asked_again(serve: Callable[..., Any]) -> None:
    server, url = serve((0, b""), (429, refusal("rate-limited")), (200, b"an answer"))
    assert call(url, "/v1/orders", b"an order", pins=(pin(),), pauses_s=(0, 0)) == b"an answer"
    assert [body for _, _, body in server.asked] == [b"an order"] * 3
    server.answers[:] = [(429, refusal("rate-limited"))]
    with pytest.raises(BrokerRefused):
        call(url, "/v1/orders", b"an order", pins=(pin(),), pauses_s=(0,))


def test_an_answer_that_is_too_large_is_none(serve: Callable[..., Any]) -> None:
    _, url = serve((200, bytes(MOST_ANSWER_BYTES + 1)))
    with pytest.raises(EvidenceRejected, match="larger than"):
        call(url, "/v1/query", b"", pins=(pin(),))


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(BrokerUnreachable, match="cannot be reached"):
        call("https://127.0.0.1:1", "/v1/query", b"", pins=(OTHER,), pauses_s=())


def test_a_proxy_is_gone_through_by_connect_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:word@127.0.0.1:1")
    connection = broker_client.pinned_connection("https://broker.example:8443", (OTHER,))
    assert (connection.host, connection.port, connection._tunnel_host) == ("127.0.0.1", 1, "broker.example")  # type: ignore[attr-defined]
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(Misconfigured, match="proxy"):
        call("https://broker.example", "/v1/query", b"", pins=(OTHER,))
