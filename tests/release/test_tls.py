"""The broker speaks TLS 1.3 alone, with a key that no disk has in clear."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attestation.errors import Misconfigured
from contract.pins import pin_of
from release.tls import new_tls_key, parse_tls_key, pin_of_key, render_tls_key, self_signed, server_context

NOW = 1_800_000_000
KEY = new_tls_key()


@contextmanager
def listening(context: ssl.SSLContext) -> Iterator[tuple[str, int]]:
    """A server that shakes hands once, and says `hello`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def once() -> None:
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.sendall(b"hello")
        except ssl.SSLError:
            connection.close()

    thread = threading.Thread(target=once)
    thread.start()
    yield listener.getsockname()
    thread.join()
    listener.close()


def client(newest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = newest
    return context


def test_a_client_finds_the_pinned_key_behind_tls_1_3() -> None:
    certificate = self_signed(KEY, host="broker.example", now=NOW)
    with (
        listening(server_context(certificate, KEY)) as address,
        socket.create_connection(address) as plain,
        client(ssl.TLSVersion.MAXIMUM_SUPPORTED).wrap_socket(plain) as tls,
    ):
        assert tls.version() == "TLSv1.3"
        assert pin_of(tls.getpeercert(binary_form=True) or b"") == pin_of_key(KEY)
        assert tls.recv(5) == b"hello"


def test_a_client_of_tls_1_2_is_refused() -> None:
    certificate = self_signed(KEY, host="broker.example", now=NOW)
    with (
        listening(server_context(certificate, KEY)) as address,
        socket.create_connection(address) as plain,
        pytest.raises(ssl.SSLError),
    ):
        client(ssl.TLSVersion.TLSv1_2).wrap_socket(plain)


@pytest.mark.parametrize("host", ["broker.example", "127.0.0.1", "::1"])
def test_a_certificate_names_its_host(host: str) -> None:
    certificate = self_signed(KEY, host=host, now=NOW)
    (extension,) = [each for each in certificate.extensions if each.oid.dotted_string == "2.5.29.17"]
    assert host in str(extension.value)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_the_file_in_memory_is_closed_again() -> None:
    before = open_files()
    server_context(self_signed(KEY, host="a.example", now=NOW), KEY)
    assert open_files() == before


def test_another_key_than_the_certificate_s_is_refused() -> None:
    with pytest.raises(Misconfigured, match="is not its certificate's"):
        server_context(self_signed(new_tls_key(), host="a.example", now=NOW), KEY)


def test_a_key_is_read_as_it_was_written() -> None:
    assert parse_tls_key(render_tls_key(KEY)).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(render_tls_key(KEY)[:-1], id="a byte less"),
        pytest.param(
            generate_private_key(65537, 2048).private_bytes(
                Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
            ),
            id="a key of another kind",
        ),
    ],
)
def test_what_is_no_such_key_is_refused(data: bytes) -> None:
    with pytest.raises(Misconfigured, match="TLS key is none"):
        parse_tls_key(data)
