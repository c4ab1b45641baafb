"""A log's files are read over one connection to a server whose key is pinned, or from a folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable
from contract.release_terms import ReleaseTerms
from contract.terms import render_terms
from release.tls import new_tls_key, pin_of_key, self_signed, server_context
from symbolon.auditor.log_sources import open_log
from symbolon.broker_client import BrokerNotPinned
from tests.logs import KEY, log_of
from tests.symbolon.conftest import Ask
from tests.workload.samples import TERMS

TLS_KEY = new_tls_key()
PIN = pin_of_key(TLS_KEY)


@dataclass
class Shown:
    """A server of a folder: how many connections it took, and how it answers."""

    url: str = ""
    connections: int = 0
    closes: bool = False
    status: int = 0
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return log_of(300).write(tmp_path / "prefix" / "log").parent


@pytest.fixture
def shown(folder: Path) -> Iterator[Shown]:
    state = Shown()

    class _Files(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            state.connections += 1
            super().setup()

        def do_GET(self) -> None:
            state.asked.append(self.path)
            if state.status:
                self.send_error(state.status)
            else:
                super().do_GET()
            self.close_connection = state.closes

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    certificate = self_signed(TLS_KEY, host="127.0.0.1", now=time.time())
    server.socket = server_context(certificate, TLS_KEY).wrap_socket(server.socket, server_side=True)
    state.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def test_all_is_asked_over_one_connection(shown: Shown) -> None:
    with open_log(shown.url + "/log/", pins=[PIN]) as source:
        assert source.read("checkpoint", most_bytes=1000)
        assert len(source.read("tile/0/000", most_bytes=8192) or b"") == 8192
        assert source.read("tile/1/000.p/1", most_bytes=8192)
        assert source.read("tile/0/009", most_bytes=8192) is None
    assert shown.connections == 1
    assert shown.asked[0] == "/log/checkpoint"


def test_a_connection_that_the_server_closes_is_opened_again(shown: Shown) -> None:
    shown.closes = True
    with open_log(shown.url + "/log", pins=[PIN]) as source:
        assert source.read("checkpoint", most_bytes=1000)
        assert source.read("checkpoint", most_bytes=1000)


def test_a_server_with_another_key_is_asked_nothing(shown: Shown) -> None:
    with open_log(shown.url, pins=[pin_of_key(new_tls_key())]) as source, pytest.raises(BrokerNotPinned):
        source.read("checkpoint", most_bytes=1000)
    assert shown.asked == []


def test_a_server_that_fails_is_unavailable(shown: Shown) -> None:
    shown.status = 503
    with open_log(shown.url, pins=[PIN]) as source, pytest.raises(Unavailable, match="answers 503"):
        source.read("checkpoint", most_bytes=1000)
    with (
        open_log("https://127.0.0.1:9", pins=[PIN]) as source,
        pytest.raises(Unavailable, match="does not answer"),
    ):
        source.read("checkpoint", most_bytes=1000)


def test_no_more_is_read_than_can_be_right(shown: Shown, folder: Path) -> None:
    with open_log(shown.url + "/log", pins=[PIN]) as source:
        with pytest.raises(EvidenceRejected, match="larger than 8191 bytes"):
            source.read("tile/0/000", most_bytes=8191)
        assert source.read("checkpoint", most_bytes=1000)
    with (
        open_log(str(folder / "log"), pins=[]) as source,
        pytest.raises(EvidenceRejected, match="larger than 8191 bytes"),
    ):
        source.read("tile/0/000", most_bytes=8191)


def test_a_folder_and_a_server_show_the_same(shown: Shown, folder: Path) -> None:
    with (
        open_log(str(folder / "log"), pins=[]) as near,
        open_log(shown.url + "/log", pins=[PIN]) as far,
    ):
        for path in ("checkpoint", "tile/0/000", "tile/entries/001.p/44", "tile/5/000", "tile/entries"):
            if path != "tile/entries":
                assert near.read(path, most_bytes=1 << 20) == far.read(path, most_bytes=1 << 20)
        assert near.read("tile/entries", most_bytes=1) is None


def test_a_server_needs_a_pin_and_a_folder_none(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="pinned key"), open_log("https://broker.example", pins=[]):
        pass
    with pytest.raises(Misconfigured, match="no folder"), open_log(str(tmp_path / "nowhere"), pins=[PIN]):
        pass


def test_a_log_is_verified_over_tls_as_a_person_does_it(ask: Ask, shown: Shown) -> None:
    pin = PIN.removeprefix("sha256:")
    asked = ("auditor", "log", "verify", shown.url + "/log", "--key", KEY)
    assert ask(*asked, "--pin", pin).code == 6
    assert ask(*asked, "--pin", "0" * 64, "--pin", pin).code == 6
    assert ask(*asked, "--pin", "0" * 64).code == 4


def test_the_owner_s_terms_say_whose_log_it_is(ask: Ask, shown: Shown, tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    sealed = ReleaseTerms(
        manifest=Digest("sha256:" + "5" * 64), broker=shown.url, broker_key=KEY, broker_pins=(PIN,)
    )
    terms.write_text(render_terms(replace(TERMS, release=sealed)), "utf-8")
    answered = ask("auditor", "log", "verify", shown.url + "/log", "--terms", terms, "--format", "json")
    assert answered.code == 6 and answered.json["steps"][0]["outcome"] == "pass"
    terms.write_text(render_terms(TERMS), "utf-8")
    answered = ask("auditor", "log", "verify", shown.url + "/log", "--terms", terms)
    assert answered.code == 7 and "names no broker" in answered.err
