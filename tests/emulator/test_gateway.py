"""The gateway: what it tunnels, what it refuses, and that it carries bytes as they come."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import requests

from emulator.running import Running


@pytest.fixture
def raw(emulator: Running) -> Iterator[socket.socket]:
    """A TCP connection to the proxy."""
    host, _, port = emulator.proxy.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=9) as connection:
        yield connection


def exchange(connection: socket.socket, request: bytes) -> str:
    connection.sendall(request)
    answer = b""
    while data := connection.recv(65536):
        answer += data
    return answer.decode()


@pytest.mark.parametrize(
    ("request_line", "reason"),
    [
        ("CONNECT example.com:443", "the emulator does not serve example.com"),
        ("CONNECT googleapis.com:443", "the emulator does not serve googleapis.com"),
        ("CONNECT logging.googleapis.com:443", "the emulator does not serve logging.googleapis.com"),
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


def tls_over(connection: socket.socket, emulator: Running, host: str) -> ssl.SSLSocket:
    """TLS with `host` through the tunnel that `connection` asked for."""
    connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n".encode())
    assert connection.recv(65536) == b"HTTP/1.1 200 Connection established\r\n\r\n"
    context = ssl.create_default_context(cafile=str(emulator.ca_file))
    return context.wrap_socket(connection, server_hostname=host)


@pytest.mark.parametrize(
    "host", ["storage.googleapis.com", "STORAGE.googleapis.com", "us-west1-docker.pkg.dev"]
)
def test_an_emulated_host_shows_a_certificate_that_the_folders_authority_issued(
    raw: socket.socket, emulator: Running, host: str
) -> None:
    with tls_over(raw, emulator, host) as tunnel:
        request = f"GET /storage/v1/nothing HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        assert exchange(tunnel, request.encode()).startswith("HTTP/1.1 501 ")


def test_the_unix_socket_is_the_same_gateway(emulator: Running) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(emulator.gateway_socket))
        with tls_over(connection, emulator, "storage.googleapis.com") as tunnel:
            request = (
                b"GET /storage/v1/x HTTP/1.1\r\nhost: storage.googleapis.com\r\nconnection: close\r\n\r\n"
            )
            assert exchange(tunnel, request).startswith("HTTP/1.1 501 ")


def test_one_connection_serves_many_requests(emulator: Running) -> None:
    context = ssl.create_default_context(cafile=str(emulator.ca_file))
    connection = HTTPSConnection(emulator.proxy.removeprefix("http://"), timeout=9, context=context)
    connection.set_tunnel("storage.googleapis.com", 443)
    with closing(connection):
        connection.connect()
        tunnel = connection.sock
        for _ in range(3):
            connection.request("GET", "/storage/v1/x")
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, connection.sock) == (501, tunnel)


def test_many_connections_are_served_at_once(through_gateway: Running) -> None:
    def status(_number: int) -> int:
        return requests.get("https://oauth2.googleapis.com/none", timeout=30).status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(status, range(64))) == {501}


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
