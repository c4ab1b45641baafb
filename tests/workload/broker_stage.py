"""A small broker that keeps to the protocol, over TLS on loopback: for one model, and told what to refuse.

It believes tokens by their root, audience and nonce alone: what the owner's policy says is another's to test.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_bytes, token_hex
from threading import Lock, Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from attestation.digests import Digest, digest_of
from attestation.errors import SymbolonError
from attestation.tokens import parse_token
from attestation.verification import verify_pki_token
from contract.checkpoint import Checkpoint, origin_of, sign_checkpoint
from contract.dsse import public_key_of
from contract.merkle import prove_inclusion, root_of
from contract.receipt import parse_receipt, parse_statement
from contract.release import (
    Challenge,
    Release,
    ReleaseRequest,
    audience_of,
    nonce_of,
    parse_call,
    parse_request,
    render_challenge,
    render_release,
    request_digest,
    seal_key,
)
from contract.release_log import Logged, Opening, make_entry, render_entry, render_opening
from contract.release_refusals import REFUSALS, BrokerRefused, render_refusal
from contract.release_terms import ReleaseTerms
from tests.attestation.signing import name_of

LICENCE = "0123456789abcdef" * 2
SECRET = bytes(range(32))


class ServerKey:
    """A TLS key, and a certificate that nobody vouches for and that has expired."""

    def __init__(self, folder: Path, name: str = "server") -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        ended = datetime(2020, 1, 2, tzinfo=UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name_of("nobody.example"))
            .issuer_name(name_of("nobody.example"))
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(ended)
            .sign(key, SHA256())
        )
        self.file = folder / f"{name}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.pin = digest_of(spki)


@dataclass(slots=True, kw_only=True)
class SmallBroker:
    """What it has, and what it does: each function that is not None changes one thing of an answer.

    `refuses` are codes, by what is asked (`challenge`, `release`, `renew` or `report`), each said once, but
    the last of them from then on where it is in `always`.
    """

    server_key: ServerKey
    root: x509.Certificate
    manifest: Digest
    data_key: bytes
    identity: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    lease_s: int = 3600
    runs: int | None = None
    refuses: dict[str, list[str]] = field(default_factory=dict)
    always: frozenset[str] = frozenset()
    said: Callable[[dict[str, str]], dict[str, str]] = dict
    answer: Callable[[Release], Release] = lambda release: release
    body: Callable[[bytes], bytes] = bytes
    loses: int = 0
    """So many answers to a release are lost on their way."""
    port: int = 0
    called: list[str] = field(default_factory=list)
    requests: list[ReleaseRequest] = field(default_factory=list)
    calls: list[bytes] = field(default_factory=list)
    reported: list[bytes] = field(default_factory=list)
    released: int = 0
    leaves: list[bytes] = field(default_factory=list)
    answered: dict[Digest, bytes] = field(default_factory=dict)
    challenges: dict[str, float] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    @property
    def broker(self) -> Digest:
        return public_key_of(self.identity).key_id

    def terms(self, address: str | None = None, *pins: Digest) -> ReleaseTerms:
        return ReleaseTerms(
            manifest=self.manifest,
            broker=address or f"https://127.0.0.1:{self.port}",
            broker_key=public_key_of(self.identity).text,
            broker_pins=pins or (self.server_key.pin,),
        )

    def answer_to(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body, as `release/` gives them."""
        with self.lock:
            try:
                match path:
                    case "/v1/challenge":
                        return 200, self._challenge()
                    case "/v1/release":
                        return 200, self.body(self._release(body))
                    case "/v1/report":
                        self._refuse("report")
                        parse_statement(parse_receipt(body).payload)
                        self.reported.append(body)
                        return 200, b"{}"
                return 404, b"nothing here"
            except BrokerRefused as refused:
                return refused.refusal.status, render_refusal(refused)

    def _refuse(self, what: str) -> None:
        self.called.append(what)
        codes = self.refuses.get(what, [])
        if codes:
            code = codes[0] if what in self.always and len(codes) == 1 else codes.pop(0)
            raise REFUSALS[code].error()

    def _challenge(self) -> bytes:
        self._refuse("challenge")
        challenge = token_hex(32)
        self.challenges[challenge] = time.time()
        return render_challenge(Challenge(challenge=challenge, ends_at=int(time.time()) + 60))

    def _release(self, body: bytes) -> bytes:
        self.calls.append(body)
        call = parse_call(body)
        request, digest = parse_request(call.request), request_digest(call.request)
        if digest in self.answered:
            self.called.append("repeated")
            return self.answered[digest]
        self._refuse(request.purpose)
        self.requests.append(request)
        if request.broker != self.broker:
            raise REFUSALS["request-of-another-broker"].error()
        if self.challenges.pop(request.challenge, None) is None:
            raise REFUSALS["challenge-unknown"].error()
        if request.licence != LICENCE:
            raise REFUSALS["licence-unknown"].error()
        claims = self._claims(call.token, call.request)
        if request.purpose == "release":
            if self.runs is not None and self.released >= self.runs:
                raise REFUSALS["licence-used-up"].error()
            self.released += 1
        lease = request.lease or token_hex(16)
        now = int(time.time())
        release = self.answer(
            Release(
                request=digest,
                lease=lease,
                lease_ends_at=now + self.lease_s,
                lease_s=self.lease_s,
                pictures=request.pictures,
                sealed=None
                if request.purpose == "renew"
                else seal_key(self.data_key, public_key=request.public_key, request=call.request),
                logged=self._log(request, digest, lease, claims, now),
            )
        )
        self.answered[digest] = render_release(release)
        return self.answered[digest]

    def _claims(self, token: str, request: bytes) -> Any:
        try:
            verified = verify_pki_token(
                parse_token(token),
                root=self.root,
                audiences=[audience_of(self.broker)],
                now=time.time(),
                leeway_s=30,
            )
        except SymbolonError as rejected:
            raise REFUSALS["broker-token-rejected"].error(rejected.message) from None
        if verified.claims.eat_nonce != (nonce_of(request),):
            raise REFUSALS["broker-nonce-mismatch"].error()
        return verified.claims.submods

    def _log(self, request: ReleaseRequest, digest: Digest, lease: str, submods: Any, now: int = 0) -> Logged:
        said = {
            "request": digest,
            "manifest": request.manifest,
            "image": submods.container.image_digest,
            "instance": submods.gce.instance_id,
            "licence": request.licence,
            "lease": lease,
            "purpose": request.purpose,
            "pictures": str(request.pictures),
            "ends_at": str(now + self.lease_s),
        }
        opening = Opening(kind=request.purpose, at=now, said=self.said(said), salt=token_bytes(32))
        leaf = render_entry(make_entry(opening, SECRET))
        self.leaves.append(leaf)
        checkpoint = Checkpoint(
            origin=origin_of(self.broker), size=len(self.leaves), root=root_of(self.leaves)
        )
        index = len(self.leaves) - 1
        return Logged(
            entry=leaf,
            opening=render_opening(opening),
            index=index,
            checkpoint=sign_checkpoint(checkpoint, self.identity),
            proof=prove_inclusion(self.leaves, index),
        )

    @contextmanager
    def serving(self, *, versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None) -> Iterator[None]:
        """It answers on `port` of 127.0.0.1, as long as the block lasts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_key.file)
        context.minimum_version, context.maximum_version = versions or (ssl.TLSVersion.TLSv1_3,) * 2
        server = _Server(("127.0.0.1", self.port), _handler_of(self))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is none of the test's errors."""


def _handler_of(broker: SmallBroker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        protocol_version = "HTTP/1.1"  # it keeps a connection, as `release/` does

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, answer = broker.answer_to(self.path, body)
            if status == 200 and self.path == "/v1/release" and broker.loses:
                broker.loses -= 1
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads it."""

    return Handler
