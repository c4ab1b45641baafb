"""A broker in a process of its own, to be killed: it listens on a Unix socket, a call a connection.

Asked is `CHALLENGE` or `RELEASE`, the time in eight bytes, and the call; the answer is one byte, `0` for yes
and `1` for a refusal, and what the broker said.
"""

from __future__ import annotations

import os
import socketserver
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from contract.release_refusals import BrokerRefused, render_refusal
from release.broker import Broker, TokenRules
from release.log.publishing import Publisher
from release.releasing import issue_challenge, release
from release.store.engine import opened
from tests.release.brokers import IDENTITY, INTAKE, TestMaster

CHALLENGE, RELEASE = b"c", b"r"
MOST = 1 << 20


def asked(data: bytes, broker: Broker) -> bytes:
    now = float(int.from_bytes(data[1:9], "big"))
    answers: dict[bytes, Callable[[], bytes]] = {
        CHALLENGE: lambda: issue_challenge(broker, now),
        RELEASE: lambda: release(broker, data[9:], lambda: now),
    }
    try:
        return b"0" + answers[data[:1]]()
    except BrokerRefused as refused:
        return b"1" + render_refusal(refused)


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, broker: Broker) -> None:
        self.broker = broker
        super().__init__(path, Answering)


class Answering(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.wfile.write(asked(self.rfile.read(MOST), self.server.broker))


def serve(url: str, path: str, root: bytes) -> None:
    """Until it is killed. `root`, in PEM, is where tokens lead to."""
    with opened(url) as engine:
        broker = Broker(
            engine=engine,
            identity=IDENTITY,
            intake=INTAKE,
            master=TestMaster(),
            tokens=TokenRules(root=x509.load_pem_x509_certificate(root), mode="production"),
            log=Publisher(engine, IDENTITY),
        )
        beginning = f"{path}.{os.getpid()}"
        with Server(beginning, broker) as server:
            Path(beginning).rename(path)  # who finds it is answered
            server.serve_forever()
