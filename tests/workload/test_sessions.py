"""HTTPS sessions that share one TLS context: it is no less strict than one a connection."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
import requests
import trustme
import urllib3
from google.cloud.storage.retry import DEFAULT_RETRY

from emulator import running
from workload import patience, sessions
from workload.sessions import settle, storage_pool

VARIABLES = ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The one that the environment names as trusted."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return trusted


@contextmanager
def serving(certificate: trustme.LeafCert) -> Iterator[str]:
    """The address of a server that shows `certificate` and answers once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with socket.create_server(("localhost", 0)) as listener:

        def answer() -> None:
            try:
                accepted, _ = listener.accept()
                with context.wrap_socket(accepted, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                return

        server = Thread(target=answer)
        server.start()
        yield f"https://localhost:{listener.getsockname()[1]}/"
        server.join()


def settled() -> requests.Session:
    session = requests.Session()
    settle(session)
    return session


def test_a_host_is_spoken_to_that_a_trusted_authority_vouches_for(authority: trustme.CA) -> None:
    with serving(authority.issue_cert("localhost")) as address, settled() as session:
        assert session.get(address, timeout=10).status_code == 204


@pytest.mark.parametrize(
    "certificate",
    [
        lambda authority: trustme.CA().issue_cert("localhost"),
        lambda authority: authority.issue_cert("storage.googleapis.com"),
        lambda authority: authority.issue_cert(common_name="localhost"),
    ],
    ids=["another authority", "another host", "a common name alone"],
)
def test_a_host_that_shows_any_other_certificate_is_not_spoken_to(
    authority: trustme.CA, certificate: Callable[[trustme.CA], trustme.LeafCert]
) -> None:
    refused = pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED")
    with serving(certificate(authority)) as address, settled() as session, refused:
        session.get(address, timeout=10)


@pytest.mark.parametrize(
    "certificate",
    [
        lambda authority: trustme.CA().issue_cert("localhost"),
        lambda authority: authority.issue_cert("storage.googleapis.com"),
        lambda authority: authority.issue_cert(common_name="localhost"),
    ],
    ids=["another authority", "another host", "a common name alone"],
)
def test_a_sessions_connections_are_as_strict_without_it(
    authority: trustme.CA,
    certificate: Callable[[trustme.CA], trustme.LeafCert],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(certificate(authority)) as address, settled() as session:
        monkeypatch.setattr(sessions, "STORAGE", address)
        pool = storage_pool(session)
        assert pool is not None
        with pytest.raises(urllib3.exceptions.SSLError):
            pool.urlopen("GET", "/", retries=False, timeout=10)


@contextmanager
def trickling(certificate: trustme.LeafCert, answer: bytes, trickled: bytes) -> Iterator[str]:
    """The address of a server that sends `answer` at once and `trickled` byte by byte, never all of it."""
    context, over = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Event()
    certificate.configure_cert(context)
    with socket.create_server(("localhost", 0)) as listener:

        def trickle() -> None:
            accepted, _ = listener.accept()
            with suppress(OSError), context.wrap_socket(accepted, server_side=True) as connection:
                connection.recv(65536)
                connection.sendall(answer)
                for byte in trickled:
                    if over.wait(0.02):
                        return
                    connection.sendall(bytes([byte]))
                raise AssertionError("it was listened to until the end")

        server = Thread(target=trickle)
        server.start()
        yield f"https://localhost:{listener.getsockname()[1]}/"
        over.set()
        server.join()


TRICKLES = {
    "its body": (b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", bytes(999)),
    "its headers": (b"HTTP/1.1 200 OK\r\nx-a: ", b"a" * 999),
}


@pytest.mark.parametrize("how", TRICKLES)
def test_who_trickles_is_not_listened_to_for_ever(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Though each byte is there long before the timeout; and that passes, so it may be tried again."""
    monkeypatch.setattr(patience, "ANSWER_S", 0.2)
    monkeypatch.setattr(patience, "SLOWEST_BYTES_PER_S", 1 << 20)
    began = time.monotonic()
    with trickling(authority.issue_cert("localhost"), *TRICKLES[how]) as address, settled() as session:
        with pytest.raises((requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)) as given_up:
            session.get(address, timeout=10, stream=True).raw.read()
        assert DEFAULT_RETRY._predicate(given_up.value)
    assert time.monotonic() - began < 5


def test_who_sends_much_has_longer(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ANSWER_S", 0.1)
    monkeypatch.setattr(patience, "SLOWEST_BYTES_PER_S", 20)  # a byte gives longer than it takes
    headers = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n"
    with trickling(authority.issue_cert("localhost"), headers, bytes(21)) as address, settled() as session:
        assert session.get(address, timeout=10).content == bytes(20)


def test_a_connection_that_waited_for_its_next_question_has_all_its_time(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    now = [0.0]
    monkeypatch.setattr(sessions, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with socket.create_server(("localhost", 0)) as listener, settled() as session:

        def answer() -> None:
            accepted, _ = listener.accept()
            with context.wrap_socket(accepted, server_side=True) as connection:
                while connection.recv(65536):
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        server = Thread(target=answer)
        server.start()
        address = f"https://localhost:{listener.getsockname()[1]}/"
        for _ in range(2):
            assert session.get(address, timeout=9).status_code == 204
            now[0] += 1e6
        session.close()
        server.join()


def test_a_session_that_is_not_settled_keeps_its_connections_to_itself() -> None:
    assert storage_pool(requests.Session()) is None


def test_the_environment_is_read_when_the_session_is_made_and_not_again(
    emulator: running.Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    session = settled()
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with session:
        assert session.get("https://storage.googleapis.com/storage/v1/b/none", timeout=10).status_code == 404


def test_many_threads_connect_at_a_time(emulator: running.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    url = "https://storage.googleapis.com/storage/v1/b/none"
    with settled() as session, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: session.get(url, timeout=10).status_code, range(64)))
    assert answers == [404] * 64
