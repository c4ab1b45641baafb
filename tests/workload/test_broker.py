"""A broker is known by its server's key alone, and is told nothing before that was seen."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from threading import Thread

import pytest

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, ExitCode, Misconfigured
from contract.pins import CertificateMalformed
from contract.release import MOST_BYTES, MessageMalformed, parse_challenge
from contract.release_refusals import BrokerRefused
from emulator import running
from emulator.verifier import Verifier
from tests.workload.broker_stage import ServerKey, SmallBroker
from tests.workload.launching import verifier_of
from workload import broker as module
from workload import patience
from workload.broker import Broker, BrokerNotPinned, BrokerUnreachable
from workload.patience import Patience

OTHER = Digest("sha256:" + "0" * 64)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SERVICES", Patience(total_s=1.5, call_s=1.0, attempts=3))
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def verifier(emulator: running.Running) -> Verifier:
    return verifier_of(emulator)


@pytest.fixture
def small(tmp_path: Path, verifier: Verifier) -> SmallBroker:
    return SmallBroker(
        server_key=ServerKey(tmp_path),
        root=verifier.root,
        manifest=digest_of(b"manifest"),
        data_key=bytes(32),
    )


def client(small: SmallBroker, *pins: Digest) -> Broker:
    return Broker(f"https://127.0.0.1:{small.port}", pins or (small.server_key.pin,))


def test_a_server_with_the_pinned_key_is_asked_whatever_its_certificate_says(small: SmallBroker) -> None:
    """It is nobody's, of another name, and has expired."""
    with small.serving():
        assert parse_challenge(client(small).ask("/v1/challenge", b"")).challenge in small.challenges


@pytest.mark.parametrize("place", [0, 1])
def test_the_current_key_or_the_next_will_do(small: SmallBroker, place: int) -> None:
    pins = [OTHER, OTHER]
    pins[place] = small.server_key.pin
    with small.serving():
        assert client(small, *pins).ask("/v1/challenge", b"")


def test_a_server_with_another_key_is_told_nothing_and_not_asked_again(small: SmallBroker) -> None:
    with small.serving(), pytest.raises(BrokerNotPinned) as refused:
        client(small, OTHER).ask("/v1/challenge", b"a secret")
    assert (refused.value.exit_code, small.called) == (ExitCode.REFUSED, [])


def test_not_a_byte_leaves_before_the_key_was_seen(tmp_path: Path) -> None:
    heard: list[bytes] = []
    key = ServerKey(tmp_path)
    with _listening(key, heard) as port:
        with pytest.raises(BrokerNotPinned):
            Broker(f"https://127.0.0.1:{port}", (OTHER,)).ask("/v1/release", b"the token")
        with pytest.raises(BrokerUnreachable):  # it hangs up, having heard all
            Broker(f"https://127.0.0.1:{port}", (key.pin,)).ask("/v1/release", b"the token")
    assert heard[0] == b""
    assert b"POST /v1/release" in heard[1] + heard[2]


@contextmanager
def _listening(key: ServerKey, heard: list[bytes]) -> Iterator[int]:
    """A server that does its handshake, and keeps what it then hears for a while."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(key.file)
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(0.5)
                try:
                    with context.wrap_socket(connection, server_side=True) as secured:
                        heard.append(secured.recv(4096))
                except OSError:
                    heard.append(b"")

    thread = Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_an_older_tls_is_nobody_s_to_speak(small: SmallBroker) -> None:
    with (
        small.serving(versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)),
        pytest.raises(BrokerUnreachable) as refused,
    ):
        client(small).ask("/v1/challenge", b"")
    assert (refused.value.exit_code, small.called) == (ExitCode.UNAVAILABLE, [])


def test_who_is_not_there_is_asked_again_and_then_said_to_be_away(small: SmallBroker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        small.port = free.getsockname()[1]
    with pytest.raises(BrokerUnreachable) as refused:
        client(small).ask("/v1/challenge", b"")
    assert f"https://127.0.0.1:{small.port}" in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint


def test_a_refusal_is_the_broker_s_own_and_not_asked_again(small: SmallBroker) -> None:
    small.refuses = {"challenge": ["licence-revoked"]}
    with small.serving(), pytest.raises(BrokerRefused) as refused:
        client(small).ask("/v1/challenge", b"")
    assert (refused.value.code, refused.value.exit_code) == ("licence-revoked", ExitCode.REFUSED)
    assert small.called == ["challenge"]


@pytest.mark.parametrize("code", ["database-unavailable", "broker-not-ready", "rate-limited"])
def test_what_passes_is_asked_again(small: SmallBroker, code: str) -> None:
    small.refuses = {"challenge": [code]}
    with small.serving():
        client(small).ask("/v1/challenge", b"")
    assert small.called == ["challenge", "challenge"]


@pytest.mark.parametrize("code", ["database-unavailable", "broker-not-ready", "rate-limited"])
def test_what_does_not_pass_is_said_with_its_own_code(small: SmallBroker, code: str) -> None:
    small.refuses, small.always = {"challenge": [code]}, frozenset({"challenge"})
    with small.serving(), pytest.raises(BrokerRefused) as refused:
        client(small).ask("/v1/challenge", b"")
    assert (refused.value.code, refused.value.exit_code) == (code, ExitCode.UNAVAILABLE)


@pytest.mark.parametrize("code", ["challenge-unknown", "challenge-expired"])
def test_a_call_with_a_challenge_that_is_void_is_not_sent_again(small: SmallBroker, code: str) -> None:
    small.refuses = {"challenge": [code]}
    with small.serving(), pytest.raises(BrokerRefused):
        client(small).ask("/v1/challenge", b"")
    assert small.called == ["challenge"]


def connecting(monkeypatch: pytest.MonkeyPatch) -> list[HTTPSConnection]:
    """The connections that brokers are asked by from now on."""
    made: list[HTTPSConnection] = []
    real = Broker._connect

    def connect(self: Broker, call_s: float) -> HTTPSConnection:
        made.append(real(self, call_s))
        return made[-1]

    monkeypatch.setattr(Broker, "_connect", connect)
    return made


def test_calls_that_follow_one_another_have_one_connection_which_is_closed(
    small: SmallBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = connecting(monkeypatch)
    with small.serving(), client(small).talking() as ask:
        first, second = (parse_challenge(ask("/v1/challenge", b"")).challenge for _ in range(2))
    assert (len(made), made[0].sock, first == second) == (1, None, False)


def test_a_connection_that_was_closed_between_two_calls_is_made_anew(
    small: SmallBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = connecting(monkeypatch)
    with small.serving(), client(small).talking() as ask:
        ask("/v1/challenge", b"")
        made[0].sock.shutdown(socket.SHUT_RDWR)
        assert parse_challenge(ask("/v1/challenge", b"")).challenge in small.challenges
    assert len(made) == 2


def test_a_connection_on_which_a_call_was_refused_is_used_for_the_next(
    small: SmallBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, small.refuses = connecting(monkeypatch), {"challenge": ["database-unavailable"]}
    with small.serving(), client(small).talking() as ask:
        ask("/v1/challenge", b"")
    assert (len(made), small.called) == (1, ["challenge", "challenge"])


def test_an_answer_larger_than_any_is_rejected(small: SmallBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmallBroker, "answer_to", lambda *_: (200, bytes(MOST_BYTES + 1)))
    with small.serving(), pytest.raises(MessageMalformed, match="larger than"):
        client(small).ask("/v1/challenge", b"")


@pytest.mark.parametrize(("status", "family"), [(302, "denied"), (404, "denied"), (502, "unavailable")])
def test_an_answer_that_is_nobody_s_of_ours_is_told_by_its_status(
    small: SmallBroker, monkeypatch: pytest.MonkeyPatch, status: int, family: str
) -> None:
    monkeypatch.setattr(SmallBroker, "answer_to", lambda *_: (status, b"<html>"))
    with small.serving(), pytest.raises(BrokerRefused, match=str(status)) as refused:
        client(small).ask("/v1/challenge", b"")
    assert refused.value.family == family


def test_it_is_reached_through_the_proxy_of_the_environment(
    small: SmallBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in front of an emulator, whose gateway tunnels to it and opens nothing."""
    with small.serving():
        emulator = running.start(tmp_path / "emulator", routes={"broker.primus.example": small.port})
        try:
            monkeypatch.setenv("HTTPS_PROXY", emulator.env["HTTPS_PROXY"])
            asked = Broker("https://broker.primus.example", (small.server_key.pin,))
            assert parse_challenge(asked.ask("/v1/challenge", b""))
            with pytest.raises(BrokerNotPinned):
                Broker("https://broker.primus.example", (OTHER,)).ask("/v1/challenge", b"")
            with pytest.raises((BrokerUnreachable, BrokerNotPinned)):
                Broker("https://nobody.example", (small.server_key.pin,)).ask("/v1/challenge", b"")
        finally:
            emulator.stop()
    assert small.called == ["challenge"]


def test_a_proxy_of_another_kind_is_refused(small: SmallBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(Misconfigured, match="the proxy"):
        Broker("https://broker.primus.example", (OTHER,)).ask("/v1/challenge", b"")


def test_a_certificate_that_cannot_be_read_is_nobody_s(
    small: SmallBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def malformed(certificate: bytes) -> Digest:
        raise CertificateMalformed("what the server shows is no certificate")

    monkeypatch.setattr(module, "pin_of", malformed)
    with small.serving(), pytest.raises(BrokerNotPinned):
        client(small).ask("/v1/challenge", b"")
    assert (small.called, issubclass(BrokerNotPinned, EvidenceRejected)) == ([], True)
