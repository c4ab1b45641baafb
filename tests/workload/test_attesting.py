"""The launcher's client against a real Unix socket: one that works, and one that does not in each way."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import pytest

from attestation.errors import Denied, EvidenceRejected, Misconfigured, SymbolonError, Unavailable
from attestation.tokens import MAX_TOKEN_CHARACTERS
from workload import attesting, container, patience
from workload.patience import Patience

NOW = 1_700_000_000
AUDIENCE = "https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/r"

Behaviour = Callable[[BaseHTTPRequestHandler, dict[str, object]], None]
Serve = Callable[..., list[dict[str, object]]]


def token(*, expires_at: int = NOW + 3600) -> str:
    """A token in shape; nobody here verifies it."""
    parts = [json.dumps({"alg": "RS256"}), json.dumps({"exp": expires_at}), "signature"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


def answers(status: int, body: str) -> Behaviour:
    def behave(request: BaseHTTPRequestHandler, _: dict[str, object]) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body.encode())

    return behave


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serves the launcher's socket: one behaviour a request, the last one for ever after."""
    servers: list[_Server] = []

    def serve(*behaviours: Behaviour) -> list[dict[str, object]]:
        asked: list[dict[str, object]] = []

        class Handler(BaseHTTPRequestHandler):
            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_: object) -> None:
                return

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.append({"path": self.path, **body})
                behaviours[min(len(asked), len(behaviours)) - 1](self, body)

        path = tmp_path / "teeserver.sock"
        server = _Server(str(path), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(container, "TEESERVER_SOCKET", path)
        return asked

    monkeypatch.setattr(container, "TEESERVER_SOCKET", tmp_path / "absent.sock")
    monkeypatch.setattr(container, "TOKEN_FILE", tmp_path / "token")
    monkeypatch.setattr(patience, "SERVICES", Patience(total_s=1.0, call_s=0.2, attempts=9))
    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_socket_is_asked_for_a_token_of_our_audience(
    serve: Serve,
) -> None:
    asked = serve(answers(200, token()))
    assert attesting.subject_token(AUDIENCE, now=NOW) == token()
    assert asked == [{"path": "/v1/token", "audience": AUDIENCE, "token_type": "OIDC"}]


def test_a_socket_that_fails_twice_is_asked_a_third_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SERVICES", Patience(total_s=30.0, call_s=9.0, attempts=3))
    asked = serve(answers(500, "internal"), answers(500, "internal"), answers(200, token()))
    assert attesting.subject_token(AUDIENCE, now=NOW) == token()
    assert len(asked) == 3


def hangs(request: BaseHTTPRequestHandler, _: dict[str, object]) -> None:
    request.connection.recv(1)  # returns when the client gives up


def hangs_up(request: BaseHTTPRequestHandler, _: dict[str, object]) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


def stops_half_way(request: BaseHTTPRequestHandler, _: dict[str, object]) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(token())))
    request.end_headers()
    request.wfile.write(token()[: len(token()) // 2].encode())


def speaks_no_http(request: BaseHTTPRequestHandler, _: dict[str, object]) -> None:
    request.wfile.write(b"what?\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "family", "said"),
    [
        (answers(500, "failed to retrieve"), Unavailable, "it answers 500"),
        (answers(429, "slow down"), Unavailable, "it answers 429"),
        (hangs, Unavailable, "does not answer"),
        (hangs_up, Unavailable, "does not answer"),
        (stops_half_way, Unavailable, "does not answer"),
        (speaks_no_http, Unavailable, "does not answer"),
        (answers(400, "token_type is a required parameter"), Misconfigured, "token_type is a required"),
        (answers(404, "not found"), Misconfigured, "it answers 404"),
        (answers(400, "rpc error: code = PermissionDenied desc = no"), Denied, "PermissionDenied"),
        (answers(400, "rpc error: code = FailedPrecondition desc = x"), EvidenceRejected, "FailedPrecond"),
        (answers(200, "<html>"), EvidenceRejected, "three parts"),
        (answers(200, "x" * (MAX_TOKEN_CHARACTERS + 1)), EvidenceRejected, "characters"),
    ],
)
def test_a_socket_that_gives_no_token_is_reported_by_who_acts_next(
    serve: Serve,
    behaviour: Behaviour,
    family: type[SymbolonError],
    said: str,
) -> None:
    serve(behaviour)
    with pytest.raises(family, match=said) as refused:
        attesting.subject_token(AUDIENCE, now=NOW)
    assert "\n" not in refused.value.message


def test_a_socket_that_nobody_listens_on_is_unavailable(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "dead.sock"))
        monkeypatch.setattr(container, "TEESERVER_SOCKET", tmp_path / "dead.sock")
        with pytest.raises(Unavailable, match="does not answer"):
            attesting.subject_token(AUDIENCE, now=NOW)


@pytest.mark.usefixtures("serve")
def test_without_a_socket_the_token_file_is_read() -> None:
    container.TOKEN_FILE.write_text(token())
    assert attesting.subject_token(AUDIENCE, now=NOW) == token()


@pytest.mark.usefixtures("serve")
def test_without_socket_and_file_this_is_no_confidential_space() -> None:
    with pytest.raises(Misconfigured, match="neither") as refused:
        attesting.subject_token(AUDIENCE, now=NOW)
    assert "Confidential Space" in refused.value.hint


@pytest.mark.usefixtures("serve")
def test_an_expired_token_file_is_reported_as_one_and_not_sent_to_sts() -> None:
    container.TOKEN_FILE.write_text(token(expires_at=NOW - 90))
    with pytest.raises(Unavailable, match="expired 90 s ago"):
        attesting.subject_token(AUDIENCE, now=NOW)


@pytest.mark.usefixtures("serve")
@pytest.mark.parametrize("content", [b"", b"not a token", b"\xff\xfe", token()[:20].encode()])
def test_a_token_file_without_a_token_is_refused(content: bytes) -> None:
    container.TOKEN_FILE.write_bytes(content)
    with pytest.raises((EvidenceRejected, Unavailable)) as refused:
        attesting.subject_token(AUDIENCE, now=NOW)
    assert content.decode("latin-1") not in refused.value.message or not content


@pytest.mark.usefixtures("serve")
def test_no_message_holds_the_token() -> None:
    container.TOKEN_FILE.write_text(token(expires_at=0))
    with pytest.raises(Unavailable) as refused:
        attesting.subject_token(AUDIENCE, now=NOW)
    assert token(expires_at=0)[:30] not in refused.value.message + refused.value.hint
