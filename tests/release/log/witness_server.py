"""A witness for tests: C2SP's tlog-witness over HTTP on loopback, with its state in memory.

It reads what it is sent by the specification's words, not by the client's code.

Source: C2SP, tlog-witness, `add-checkpoint` and "Monitor Retrieval Mechanism".
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.errors import EvidenceRejected
from contract.checkpoint import Checkpoint, parse_checkpoint
from contract.cosignature import cosign
from contract.merkle import EMPTY_ROOT, ProofRejected
from contract.merkle_consistency import verify_consistency
from contract.signed_note import (
    COSIGNATURE,
    NoteKey,
    note_key,
    parse_note,
    parse_verifier_key,
    render_signature,
    verify_note,
)

NAME = "witness.example/w1"
KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS = note_key(NAME, COSIGNATURE, KEY)
AT = 1_800_000_000
_BODY = re.compile(rb"old (0|[1-9][0-9]*)\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n(.*)", re.DOTALL)


@dataclass(slots=True)
class Witness:
    """What the witness knows: the keys of logs by their origin, and the last checkpoint of each."""

    url: str = ""
    logs: dict[str, NoteKey] = field(default_factory=dict)
    seen: dict[str, tuple[Checkpoint, str]] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    broken: tuple[int, str, bytes] | None = None
    """An answer to be given in place of its own."""
    drips_from: int | None = None
    """From this byte of its answer on, its head included, it sends one now and then, until it is cut off."""
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def know(self, verifier_key: str) -> None:
        """It witnesses the log with that key from now on."""
        key = parse_verifier_key(verifier_key)
        self.logs[key.name] = key

    def add_checkpoint(self, body: bytes) -> tuple[int, str, bytes]:
        """Status, type and body of the answer."""
        with self._turn:
            self.asked.append(body)
            return self.broken or self._decide(body)

    def _decide(self, body: bytes) -> tuple[int, str, bytes]:
        match = _BODY.fullmatch(body)
        if match is None:
            return _plain(400)
        old, text = int(match[1]), match[3].decode()
        proof = [base64.b64decode(line) for line in match[2].split()]
        try:
            note = parse_note(text)
            checkpoint = parse_checkpoint(note)
        except EvidenceRejected:
            return _plain(400)
        key = self.logs.get(checkpoint.origin)
        if key is None:
            return _plain(404)
        try:
            verify_note(note, key)
        except EvidenceRejected:
            return _plain(403)
        if old > checkpoint.size:
            return _plain(400)
        last = self.seen.get(checkpoint.origin)
        known = last[0].size if last else 0
        if old != known:
            return 409, "text/x.tlog.size", f"{known}\n".encode()
        if not _extends(old, last[0].root if last else EMPTY_ROOT, checkpoint, proof):
            return _plain(422)
        lines = render_signature(cosign(note.text, name=NAME, key=KEY, at=AT))
        self.seen[checkpoint.origin] = checkpoint, text + lines
        return 200, "text/plain; charset=utf-8", lines.encode()

    def checkpoint_of(self, path: str) -> tuple[int, str, bytes]:
        """What it shows of a log, by `/<hash of the origin>/checkpoint`."""
        for origin, (_, text) in self.seen.items():
            if path == f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint":
                return 200, "text/plain; charset=utf-8", text.encode()
        return _plain(404)


def _extends(old: int, old_root: bytes, checkpoint: Checkpoint, proof: list[bytes]) -> bool:
    if not old:
        return not proof
    try:
        verify_consistency(
            old=old, old_root=old_root, size=checkpoint.size, root=checkpoint.root, proof=proof
        )
    except ProofRejected:
        return False
    return True


def _plain(status: int) -> tuple[int, str, bytes]:
    return status, "text/plain", b""


@contextmanager
def witnessing() -> Iterator[Witness]:
    """A witness that answers at its `url`, until the end."""
    witness, stopping = Witness(), threading.Event()

    class _Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(witness.add_checkpoint(body) if self.path == "/add-checkpoint" else _plain(404))

        def do_GET(self) -> None:
            self._answer(witness.checkpoint_of(self.path))

        def _answer(self, answer: tuple[int, str, bytes]) -> None:
            status, kind, body = answer
            if witness.drips_from is not None:
                self._drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", witness.drips_from)
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drip(self, head: bytes, whole: int) -> None:
            self.close_connection = True
            self.wfile.write(head[:whole])
            with suppress(OSError):
                for byte in itertools.chain(head[whole:], itertools.repeat(ord("x"))):
                    self.wfile.write(bytes([byte]))
                    if stopping.wait(0.02):
                        return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    witness.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield witness
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
