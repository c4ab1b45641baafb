"""A small stand-in for Cloud KMS, for tests alone: one key's versions, encrypt, decrypt, and whoever may ask.

It speaks TLS on a port that an emulator's gateway leads `cloudkms.googleapis.com` to, and knows callers by
the access tokens that the emulator's STS gives. Errors are Google's own bodies.
"""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import google_crc32c
import trustme
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from emulator import running
from emulator.access_tokens import caller_of_token
from emulator.errors import GoogleError
from emulator.running import Running
from emulator.state import State

HOST = "cloudkms.googleapis.com"
KEY = "projects/primus/locations/europe-west4/keyRings/models/cryptoKeys/lite0"
_CALL = re.compile(r"/v1/(projects/[^:]+):(encrypt|decrypt)")


@dataclass
class StandIn:
    """Its state, which a test changes. `allowed`: who may do what, by the members of IAM."""

    versions: dict[int, AESGCM] = field(default_factory=lambda: {1: AESGCM(os.urandom(32))})
    state_of: dict[int, str] = field(default_factory=dict)
    primary: int = 1
    allowed: dict[str, set[str]] = field(default_factory=lambda: {"encrypt": set(), "decrypt": set()})
    answers: list[tuple[int, Any]] = field(default_factory=list)
    """Given first, one a call, whatever is asked."""
    asked: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)
    """The verb, the key's name, and the caller's members."""
    wrong_crc: int = 0
    tokens: State | None = None
    port: int = 0

    def rotate(self) -> None:
        """A new version is the primary one."""
        self.primary = max(self.versions) + 1
        self.versions[self.primary] = AESGCM(os.urandom(32))

    def answer(self, verb: str, key: str, token: str, body: dict[str, str]) -> tuple[int, Any]:
        assert self.tokens is not None
        try:
            caller = caller_of_token(self.tokens, token)
        except GoogleError:
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        self.asked.append((verb, key, caller.members))
        if self.answers:
            return self.answers.pop(0)
        if key != KEY or not caller.members & self.allowed[verb]:
            permission = f"cloudkms.cryptoKeyVersions.useTo{verb.capitalize()}"
            words = f"Permission '{permission}' denied on resource '{key}' (or it may not exist)."
            return _error(403, "PERMISSION_DENIED", words)
        data: dict[str, bytes] = {
            name: base64.b64decode(body[name])
            for name in ("ciphertext", "plaintext", "additionalAuthenticatedData")
            if name in body
        }
        for name, value in data.items():
            if body[f"{name}Crc32c"] != str(google_crc32c.value(value)):
                return _error(400, "INVALID_ARGUMENT", f"The checksum in field {name}_crc32c did not match.")
        return self._encrypt(data) if verb == "encrypt" else self._decrypt(data)

    def _encrypt(self, data: dict[str, bytes]) -> tuple[int, Any]:
        if (state := self.state_of.get(self.primary, "ENABLED")) != "ENABLED":
            return self._not_enabled(self.primary, state)
        nonce, associated = os.urandom(12), data["additionalAuthenticatedData"]
        sealed = self.versions[self.primary].encrypt(nonce, data["plaintext"], associated)
        answer = _bytes("ciphertext", bytes([self.primary]) + nonce + sealed, off=self._off())
        return 200, {
            "name": f"{KEY}/cryptoKeyVersions/{self.primary}",
            **answer,
            "verifiedPlaintextCrc32c": True,
            "verifiedAdditionalAuthenticatedDataCrc32c": True,
            "protectionLevel": "SOFTWARE",
        }

    def _decrypt(self, data: dict[str, bytes]) -> tuple[int, Any]:
        sealed = data["ciphertext"]
        version = sealed[0] if sealed else 0
        if (state := self.state_of.get(version, "ENABLED")) != "ENABLED":
            return self._not_enabled(version, state)
        try:
            cipher = self.versions[version]
            plain = cipher.decrypt(sealed[1:13], sealed[13:], data["additionalAuthenticatedData"])
        except (KeyError, ValueError, InvalidTag):
            return _error(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.")
        used = {"usedPrimary": True} if version == self.primary else {}  # a false one is left out
        return 200, {**_bytes("plaintext", plain, off=self._off()), **used, "protectionLevel": "SOFTWARE"}

    def _not_enabled(self, version: int, state: str) -> tuple[int, Any]:
        name = f"{KEY}/cryptoKeyVersions/{version}"
        return _error(400, "FAILED_PRECONDITION", f"{name} is not enabled, current state is: {state}.")

    def _off(self) -> int:
        self.wrong_crc -= 1
        return int(self.wrong_crc >= 0)


def _bytes(name: str, data: bytes, *, off: int) -> dict[str, str]:
    checksum = (google_crc32c.value(data) + off) % 2**32
    return {name: base64.b64encode(data).decode(), f"{name}Crc32c": str(checksum)}


def _error(status: int, code: str, message: str) -> tuple[int, Any]:
    return status, {"error": {"code": status, "message": message, "status": code}}


@contextmanager
def standing_in(folder: Path) -> Iterator[tuple[StandIn, Running, dict[str, str]]]:
    """Within the block: the stand-in, an emulator that leads to it, and the environment of clients."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    kms = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            call = _CALL.fullmatch(self.path.partition("?")[0])
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if call is None:
                status, answer = _error(404, "NOT_FOUND", "no such call")
            else:
                status, answer = kms.answer(call[2], call[1], token, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        kms.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        emulator = running.start(folder / "emulator", routes={HOST: kms.port})
        try:
            kms.tokens = State(emulator.folder, clock=time.time)
            bundle = folder / "authorities.pem"
            known = Path(emulator.env["REQUESTS_CA_BUNDLE"]).read_bytes()
            bundle.write_bytes(known + authority.cert_pem.bytes())
            certificates = {
                name: str(bundle)
                for name, value in emulator.env.items()
                if value == emulator.env["REQUESTS_CA_BUNDLE"]
            }
            yield kms, emulator, {**emulator.env, **certificates}
        finally:
            emulator.stop()
            server.shutdown()
            thread.join()
