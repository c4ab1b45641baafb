"""A broker's process: what a workload and an owner reach over TLS, and how it starts and ends."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from unittest.mock import MagicMock

import pytest
import uvicorn
from uvicorn.server import ServerState

from contract.checkpoint import open_checkpoint, verify_logged
from contract.release import open_key
from release.serving import BEGINNING_S, AddressTaken, Prompt, listen
from tests.release.brokers import DATA_KEY, LICENCE_ID
from tests.release.served import ROOT, Served, make_served

_LONGEST_S = 60


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One broker with a model and a licence of it, served for the tests of this file."""
    made = make_served(tmp_path_factory.mktemp("served"))
    made.start()
    made.sell()
    yield made
    if made.process is not None:
        assert made.stop() == 0


def lines_of(served: Served) -> list[dict[str, object]]:
    return [json.loads(line) for line in served.errors.read_text().splitlines()]


def test_a_workload_gets_the_key_and_the_proof_that_it_is_in_the_log(served: Served) -> None:
    private, request, release = served.release()
    assert open_key(release.sealed or b"", private, request=request) == DATA_KEY
    checkpoint = verify_logged(release.logged, served.key)
    status, text = served.call("GET", "/checkpoint")
    assert status == 200
    assert open_checkpoint(text.decode(), served.key).size >= checkpoint.size > release.logged.index


def test_a_renewal_is_answered_without_a_key(served: Served) -> None:
    _, _, release = served.release()
    _, _, renewed = served.release(purpose="renew", lease=release.lease, pictures=0)
    assert (renewed.sealed, renewed.lease) == (None, release.lease)


def test_a_refusal_is_an_answer_with_its_code_and_status(served: Served) -> None:
    _, _, call = served.ask(licence="f" * 32)
    status, answer = served.call("POST", "/v1/release", call)
    assert (status, json.loads(answer)["error"]["code"]) == (403, "licence-unknown")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        pytest.param("POST", "/v1/release", b"", 400, "request-malformed", id="nothing"),
        pytest.param("POST", "/v1/release", b"{}", 400, "request-malformed", id="no call"),
        pytest.param("POST", "/v1/release", b"x" * (300 << 10), 413, "request-too-large", id="too large"),
        pytest.param("POST", "/v1/challenge", b"x" * 2000, 413, "request-too-large", id="a large nothing"),
        pytest.param("POST", "/v1/orders", b"{}", 400, "request-malformed", id="no order"),
        pytest.param("POST", "/v1/query", b"{}", 403, "order-rejected", id="nobody's query"),
        pytest.param("POST", "/v1/report", b"{}", 403, "report-rejected", id="no receipt"),
        pytest.param("GET", "/v1/release", b"", 405, "no-such-call", id="another method"),
        pytest.param("GET", "/v2/release", b"", 404, "no-such-call", id="no such path"),
        pytest.param("GET", "/tile/0/999", b"", 404, "no-such-call", id="a tile that is not there"),
        pytest.param("GET", "/tile/../broker.toml", b"", 404, "no-such-call", id="a path that leads away"),
    ],
)
def test_what_is_no_call_is_refused(
    served: Served, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    found, answer = served.call(method, path, body)
    assert (found, json.loads(answer)["error"]["code"]) == (status, code)


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off_all_the_same(served: Served) -> None:
    connection = served.connect()
    try:
        with pytest.raises(OSError):
            connection.request("POST", "/v1/release", iter([b"x" * 65536] * 100), encode_chunked=True)
            raise OSError(connection.getresponse().status)
    finally:
        connection.close()
    assert served.call("GET", "/healthz")[0] == 200


def test_the_log_s_tiles_are_there_for_whoever_verifies_it(served: Served) -> None:
    served.release()
    size = open_checkpoint(served.call("GET", "/checkpoint")[1].decode(), served.key).size
    status, tile = served.call("GET", f"/tile/0/000.p/{size}")
    assert (status, len(tile)) == (200, 32 * size)
    assert served.call("GET", f"/tile/entries/000.p/{size}")[0] == 200


def test_it_says_whether_it_is_alive_and_ready_and_counts(served: Served) -> None:
    assert served.call("GET", "/healthz") == (200, b'{"alive":true}')
    status, ready = served.call("GET", "/readyz")
    assert (status, json.loads(ready)) == (200, {"ready": True, "checks": {"database": "yes", "log": "yes"}})
    served.release()
    text = served.call("GET", "/metrics")[1].decode()
    assert 'symbolon_broker_calls_total{call="release",outcome="yes"}' in text
    assert "symbolon_broker_ready 1.0" in text
    assert LICENCE_ID not in text


def test_the_log_says_what_was_answered_and_nothing_that_was_sent(served: Served) -> None:
    _, _, call = served.ask()
    assert served.call("POST", "/v1/release", call)[0] == 200
    last = lines_of(served)[-1]
    assert (last["event"], last["call"], last["outcome"]) == ("answered", "release", "yes")
    assert (last["licence"], last["purpose"]) == (LICENCE_ID, "release")
    token = json.loads(call)["token"]
    assert token not in served.errors.read_text()
    assert token.rpartition(".")[2] not in served.errors.read_text()


def test_many_clients_at_once_are_all_answered(served: Served) -> None:
    connections = [served.connect() for _ in range(20)]
    for each in connections:
        each.request("POST", "/v1/challenge")
    assert {each.getresponse().status for each in connections} == {200}
    for each in connections:
        each.close()


def test_who_connects_and_does_not_ask_is_shown_out(served: Served) -> None:
    silent, slow = served.connect(), served.connect()
    slow.sock.sendall(b"POST /v1/challenge HTTP/1.1\r\nHost: brok")
    for each in (silent, slow):
        each.sock.settimeout(BEGINNING_S + 60)
        assert each.sock.recv(1) == b""
        each.close()
    patient = served.connect()
    patient.request("GET", "/healthz")
    assert patient.getresponse().read() == b'{"alive":true}'
    patient.request("GET", "/healthz")  # on the same connection, which is kept
    assert patient.getresponse().status == 200
    patient.close()


def test_who_was_answered_and_asks_no_whole_second_time_is_shown_out(served: Served) -> None:
    slow = served.connect()
    slow.request("GET", "/healthz")
    assert slow.getresponse().read() == b'{"alive":true}'
    slow.sock.settimeout(1)
    ends_at = time.monotonic() + _LONGEST_S
    is_open = True
    while is_open and time.monotonic() < ends_at:  # a byte now and then, of a request that never ends
        try:
            slow.sock.sendall(b"G")
            is_open = slow.sock.recv(1) != b""
        except TimeoutError:
            continue
        except OSError:
            is_open = False
    slow.close()
    assert not is_open


def crowd(number: int) -> list[tuple[Prompt, MagicMock]]:
    """So many connections of one server that takes three, the oldest first, and what each writes to."""
    config = uvicorn.Config("no:application", limit_concurrency=4)
    config.load_app = lambda: None  # type: ignore[method-assign]
    config.load()
    state, made = ServerState(), []
    for at in range(number):
        loop = MagicMock(time=MagicMock(return_value=at))
        transport = MagicMock(get_extra_info=MagicMock(return_value=None))
        made.append((Prompt(config, state, {}, _loop=loop), transport))
        made[-1][0].connection_made(transport)
    return made


def test_where_all_connections_are_taken_the_longest_silent_one_makes_room() -> None:
    connections = crowd(5)
    assert [transport.abort.called for _, transport in connections] == [True, True, False, False, False]
    assert len(connections[0][0].connections) == 3


def test_who_waits_for_an_answer_is_not_shown_out() -> None:
    connections = crowd(3)
    for (connection, _), more_body in zip(connections, (False, True, False), strict=True):
        connection.cycle = MagicMock(response_complete=False, more_body=more_body)
    newest, transport = (
        Prompt(connections[0][0].config, connections[0][0].server_state, {}, _loop=MagicMock()),
        MagicMock(get_extra_info=MagicMock(return_value=None)),
    )
    newest.connection_made(transport)
    assert [transport.abort.called for _, transport in connections] == [False, True, False]


def test_plain_http_gets_no_answer(served: Served) -> None:
    with socket.create_connection(served.address, timeout=60) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP")


def test_tls_1_2_gets_no_answer(served: Served) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(served.address, timeout=60) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_when_it_is_asked_to_and_goes_on_where_it_was(served: Served, number: int) -> None:
    size = open_checkpoint(served.call("GET", "/checkpoint")[1].decode(), served.key).size
    assert served.stop(number) == 0
    assert [line["event"] for line in lines_of(served)[-2:]] == ["stopping", "stopped"]
    served.start()
    _, _, release = served.release()
    assert release.logged.index >= size


def test_a_second_broker_on_the_same_folder_is_refused(served: Served) -> None:
    command = ["broker", "serve", str(served.folder), "--passphrase-file", str(served.passphrase_file)]
    done = subprocess.run(
        [sys.executable, "-m", "symbolon", *command], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith("error: a broker serves from this folder already\nhint: ")


def test_an_answer_in_two_pieces_does_not_wait_for_the_caller_s_acknowledgement() -> None:
    with listen("127.0.0.1:0") as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_that_is_taken_or_is_none_is_said() -> None:
    with listen("127.0.0.1:0") as listener:
        for address, why in (
            (f"127.0.0.1:{listener.getsockname()[1]}", "address already in use"),
            ("203.0.113.1:8443", "cannot assign requested address"),
            ("127.0.0.1", "it is no `ADDRESS:PORT`"),
            ("127.0.0.1:", "it is no `ADDRESS:PORT`"),
            (":8443", "it is no `ADDRESS:PORT`"),
            ("127.0.0.1:65536", "it is no `ADDRESS:PORT`"),
            ("127.0.0.1:-1", "it is no `ADDRESS:PORT`"),
        ):
            with pytest.raises(AddressTaken) as taken:
                listen(address)
            assert taken.value.message.startswith(f"cannot listen at `{address}`: {why}")
            assert "(" not in taken.value.message
