"""The gateway: what it tunnels, what it refuses, and that it carries bytes as they come."""

from __future__ import annotations

import argparse
import socket
import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import requests

from attestation.errors import Misconfigured
from emulator import running
from emulator.address import parse_route
from emulator.running import Running


@pytest.fixture
def raw(emulator: Running) -> Iterator[socket.socket]:
    """A TCP connection to the proxy."""
    host, _, port = emulator.proxy.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=9) as connection:
        yield connection


def exchange(connection: socket.socket, request: bytes, *, encoding: str = "utf-8") -> str:
    connection.sendall(request)
    answer = b""
    while data := connection.recv(65536):
        answer += data
    return answer.decode(encoding)


@pytest.mark.parametrize(
    ("request_line", "reason"),
    [
        ("CONNECT example.com:443", "the emulator does not serve example.com"),
        ("CONNECT googleapis.com:443", "the emulator does not serve googleapis.com"),
        ("CONNECT a.storage.googleapis.com:443", "the emulator does not serve a.storage.googleapis.com"),
        (
            "CONNECT storage.googleapis.com.evil.com:443",
            "the emulator does not serve storage.googleapis.com.evil.com",
        ),
        ("CONNECT storage.googleapis.com:80", "the emulator serves storage.googleapis.com on port 443 only"),
        ("CONNECT 127.0.0.1:22", "the emulator does not serve 127.0.0.1"),
        ("CONNECT [::1]:443", "the host to connect to is malformed"),
        ("CONNECT storage.googleapis.com", "the host to connect to is malformed"),
        ("GET http://storage.googleapis.com/", "the emulator speaks https only: CONNECT and nothing else"),
        ("POST http://example.com/", "the emulator speaks https only: CONNECT and nothing else"),
        ("GET /", "the emulator speaks https only: CONNECT and nothing else"),
    ],
)
def test_whatever_is_not_emulated_is_refused_with_the_reason(
    raw: socket.socket, request_line: str, reason: str
) -> None:
    answer = exchange(raw, f"{request_line} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 403 Forbidden: {reason}\r\n")
    assert answer.endswith(f"\r\n\r\n{reason}\n")


def test_a_head_without_end_opens_no_tunnel(raw: socket.socket) -> None:
    try:
        answer = exchange(raw, b"CONNECT storage.googleapis.com:443 HTTP/1.1\r\n" + b"x" * 700_000)
    except ConnectionError:
        answer = ""  # the gateway left while we were still talking
    assert "200" not in answer


def test_a_client_that_leaves_in_the_middle_does_no_harm(raw: socket.socket, emulator: Running) -> None:
    raw.sendall(b"CONNECT storage.goo")
    raw.close()
    assert emulator.pid


def test_requests_is_told_why_a_host_is_refused(through_gateway: Running) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match=r"does not serve example\.com"):
        requests.get("https://example.com", timeout=9)


def tls_over(
    connection: socket.socket, emulator: Running, host: str, *, protocols: Sequence[str] = ()
) -> ssl.SSLSocket:
    """TLS with `host` through the tunnel that `connection` asked for."""
    connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n".encode())
    assert connection.recv(65536) == b"HTTP/1.1 200 Connection established\r\n\r\n"
    context = ssl.create_default_context(cafile=str(emulator.ca_file))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context.wrap_socket(connection, server_hostname=host)


@pytest.mark.parametrize(
    "host", ["storage.googleapis.com", "STORAGE.googleapis.com", "us-west1-docker.pkg.dev"]
)
def test_an_emulated_host_shows_a_certificate_that_the_folders_authority_issued(
    raw: socket.socket, emulator: Running, host: str
) -> None:
    with tls_over(raw, emulator, host) as tunnel:
        request = f"GET /v2/ HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        assert exchange(tunnel, request.encode()).startswith("HTTP/1.1 4")


def test_the_unix_socket_is_the_same_gateway(emulator: Running) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(emulator.gateway_socket))
        with tls_over(connection, emulator, "storage.googleapis.com") as tunnel:
            request = b"GET / HTTP/1.1\r\nhost: storage.googleapis.com\r\nconnection: close\r\n\r\n"
            assert exchange(tunnel, request).startswith("HTTP/1.1 4")


def test_one_connection_serves_many_requests(emulator: Running) -> None:
    context = ssl.create_default_context(cafile=str(emulator.ca_file))
    connection = HTTPSConnection(emulator.proxy.removeprefix("http://"), timeout=9, context=context)
    connection.set_tunnel("iam.googleapis.com", 443)
    with closing(connection):
        connection.connect()
        tunnel = connection.sock
        for _ in range(3):
            connection.request("GET", "/v1/x")
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, connection.sock) == (400, tunnel)


def test_many_connections_are_served_at_once(through_gateway: Running) -> None:
    def status(_number: int) -> int:
        return requests.get("https://oauth2.googleapis.com/none", timeout=30).status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(status, range(64))) == {400}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://dns.googleapis.com/dns/v1/x", "GET https://dns.googleapis.com/dns/v1/x"),
        ("https://us-python.pkg.dev/simple/", "GET https://us-python.pkg.dev/simple/"),
        ("https://iam.googleapis.com/v1/x", "GET https://iam.googleapis.com/v1/x"),
        ("https://compute.googleapis.com/compute/v1/x", "GET https://compute.googleapis.com/compute/v1/x"),
    ],
)
def test_what_is_absent_is_told_in_every_shape_of_errors_and_is_not_worth_asking_again(
    through_gateway: Running, url: str, said: str
) -> None:
    answer = requests.get(url, timeout=9)
    error = answer.json()["error"]
    sentence = f"the emulator does not have {said}"
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "UNIMPLEMENTED")
    assert (error["message"], error["errors"][0]["message"]) == (sentence, sentence)
    assert (error["errors"][0]["reason"], error["details"][0]["reason"]) == ("notEmulated", "NOT_EMULATED")


@pytest.mark.parametrize("host", ["sts.googleapis.com", "oauth2.googleapis.com"])
def test_what_is_absent_of_oauth_is_told_in_its_shape(through_gateway: Running, host: str) -> None:
    answer = requests.post(f"https://{host}/v1/introspect", timeout=9)
    sentence = f"the emulator does not have POST https://{host}/v1/introspect"
    assert answer.json() == {"error": "invalid_request", "error_description": sentence}


def test_a_grpc_client_is_sent_to_rest_at_once(through_gateway: Running) -> None:
    from google.api_core.exceptions import MethodNotImplemented
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import iam_admin_v1

    client = iam_admin_v1.IAMClient(credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    for _ in range(2):
        with pytest.raises(MethodNotImplemented, match="transport='rest'"):
            client.list_service_accounts(name="projects/primus", timeout=30)


def test_whoever_agreed_on_http_2_and_speaks_nonsense_is_cut_off(
    raw: socket.socket, emulator: Running
) -> None:
    with tls_over(raw, emulator, "iam.googleapis.com", protocols=["h2"]) as tunnel:
        assert tunnel.selected_alpn_protocol() == "h2"
        exchange(tunnel, b"GET / HTTP/1.1\r\nhost: iam.googleapis.com\r\n\r\n", encoding="latin-1")


def test_whoever_speaks_both_gets_http_1(raw: socket.socket, emulator: Running) -> None:
    with tls_over(raw, emulator, "iam.googleapis.com", protocols=["h2", "http/1.1"]) as tunnel:
        assert tunnel.selected_alpn_protocol() == "http/1.1"


def test_a_name_that_is_routed_is_tunnelled_unopened(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        emulator = running.start(tmp_path, routes={"broker.primus.example": port})
        try:
            address = emulator.proxy.removeprefix("http://").split(":")
            with socket.create_connection((address[0], int(address[1])), timeout=9) as client:
                client.sendall(b"CONNECT Broker.primus.example:443 HTTP/1.1\r\n\r\n")
                assert client.recv(99) == b"HTTP/1.1 200 Connection established\r\n\r\n"
                client.sendall(b"not TLS at all")
                there, _ = server.accept()
                with there:
                    assert there.recv(99) == b"not TLS at all"
                    there.sendall(b"nor is this")
                assert client.recv(99) == b"nor is this"
            server.close()
            with socket.create_connection((address[0], int(address[1])), timeout=9) as client:
                answer = exchange(client, b"CONNECT broker.primus.example:443 HTTP/1.1\r\n\r\n")
            assert answer.startswith(f"HTTP/1.1 502 Bad Gateway: nothing answers on 127.0.0.1:{port}")
        finally:
            emulator.stop()


def test_a_name_of_googles_that_the_emulator_plays_is_routed_nowhere_else(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"`us-docker\.pkg\.dev` cannot be routed"):
        running.start(tmp_path, routes={"us-docker.pkg.dev": 9})


@pytest.mark.parametrize(
    "text",
    [
        "broker",
        "broker.example=8443",
        "broker.example=192.0.2.1:8443",
        "broker.example=127.0.0.1:0",
        "=127.0.0.1:1",
    ],
)
def test_a_route_leads_to_a_port_of_this_machine(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"is not of the form `NAME=127\.0\.0\.1:PORT`"):
        parse_route(text)


def test_another_folders_authority_is_not_believed(emulator: Running, tmp_path: Path) -> None:
    from emulator.certificates import server_context

    server_context(tmp_path)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(
            "https://oauth2.googleapis.com/",
            proxies={"https": emulator.proxy},
            verify=str(tmp_path / "ca.pem"),
            timeout=9,
        )
