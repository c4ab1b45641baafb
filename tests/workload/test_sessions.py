"""HTTPS sessions that share one TLS context: it is no less strict than one a connection."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import requests
import trustme
import urllib3

from emulator import running
from workload import sessions
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
