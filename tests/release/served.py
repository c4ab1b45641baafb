"""A broker as its owner runs it: a folder, a process, and calls over TLS to the key that was pinned."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.digests import Digest, digest_of
from contract.dsse import PublicKey, parse_public_key
from contract.licence import Licence, sign_licence
from contract.model_keys import render_model_key, seal_model_key
from contract.orders import Order, Type, make_document, render_document, sign_document
from contract.owner_asks import Query, open_answer, sign_query
from contract.pins import pin_of
from contract.release import Call as ReleaseCall
from contract.release import (
    Release,
    ReleaseRequest,
    parse_challenge,
    parse_release,
    render_call,
    render_request,
)
from tests.attestation.signing import intermediate_plan, leaf_plan, root_plan, rsa_key, signed, x5c_of
from tests.release.brokers import (
    DATA_KEY,
    LICENCE_ID,
    MANIFEST,
    MODEL_ID,
    OWNER,
    Json,
    claims_for,
    licence_of,
    policy_text,
)

ROOT: Final = Path(__file__).parents[2]
PASSPHRASE: Final = "a sentence that nobody may read anywhere"
_STARTING_S: Final = 120
_DAY_S: Final = 86_400
Call: TypeAlias = Callable[..., tuple[int, bytes]]
"""`Served.call`, or one like it."""


def platform() -> tuple[x509.Certificate, list[object]]:
    """A root that holds now, and the chain of a token that leads to it."""
    begins, ends = int(time.time()) - _DAY_S, int(time.time()) + _DAY_S
    root, between, leaf = (
        replace(plan, begins_at=begins, ends_at=ends).make()
        for plan in (root_plan(), intermediate_plan(), leaf_plan())
    )
    return root, x5c_of(leaf, between, root)


@dataclass(kw_only=True)
class Served:
    """A broker's folder, and the process that serves it; `errors` has its log."""

    folder: Path
    chain: list[object]
    key: PublicKey
    pins: tuple[str, ...]
    passphrase_file: Path
    process: subprocess.Popen[str] | None = None
    address: tuple[str, int] = ("", 0)
    sequences: dict[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def digest(self) -> Digest:
        return self.key.key_id

    def start(self, *arguments: str) -> None:
        """It is ready."""
        command = ["broker", "serve", str(self.folder), "--passphrase-file", str(self.passphrase_file)]
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "symbolon", *command, "--format", "json", *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        assert self.process.stdout is not None
        said = ""
        while not said.rstrip().endswith("}"):
            line = self.process.stdout.readline()
            assert line, self.errors.read_text()
            said += line
        host, _, port = json.loads(said)["address"].rpartition(":")
        self.address = host, int(port)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """It has ended; its exit code."""
        assert self.process is not None and self.process.stdout is not None
        self.process.send_signal(number)
        code = self.process.wait(_STARTING_S)
        self.process.stdout.close()
        self.process = None
        return code

    def connect(self) -> http.client.HTTPSConnection:
        """A connection to the pinned key."""
        connection = http.client.HTTPSConnection(*self.address, timeout=60, context=_context())
        connection.connect()
        shown = connection.sock.getpeercert(binary_form=True)
        assert pin_of(shown or b"").removeprefix("sha256:") in self.pins
        return connection

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer, by a connection of its own."""
        with self.talking() as call:
            return call(method, path, body, headers)

    @contextmanager
    def talking(self) -> Iterator[Call]:
        """What calls, one after the other by one connection, as a workload does."""
        connection = self.connect()

        def call(
            method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
        ) -> tuple[int, bytes]:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()

        try:
            yield call
        finally:
            connection.close()

    def order(self, kind: Type, body: bytes, *, old: Digest | None = None) -> dict[str, object]:
        """What the broker says to the owner's next order of that kind."""
        sequence = self.sequences.get(kind, 0) + 1
        order = Order(
            broker=self.digest,
            epoch=0,
            type=kind,
            old=old,
            new=digest_of(body),
            sequence=sequence,
            at=int(time.time()),
        )
        document = render_document(sign_document(make_document(order, body), OWNER))
        status, answer = self.call("POST", "/v1/orders", document)
        assert status == 200, answer
        self.sequences[kind] = sequence
        return open_answer(answer, to=document, broker=self.key)

    def query(self, ask: Any, about: str = "") -> dict[str, object]:
        """What the broker answers its owner."""
        query = Query(
            broker=self.digest, ask=ask, about=about, at=int(time.time()), nonce=os.urandom(16).hex()
        )
        data = sign_query(query, OWNER)
        status, answer = self.call("POST", "/v1/query", data)
        assert status == 200, answer
        return open_answer(answer, to=data, broker=self.key)

    def sell(self, *, key: bytes = DATA_KEY, **changes: Any) -> Licence:
        """The policy stands, the model's key is handed over, and a licence of it is issued."""
        self.order("policy", policy_text())
        state = self.query("state")
        intake = bytes.fromhex(str(state["intake"]))
        handed = seal_model_key(
            key, intake=intake, broker=self.digest, manifest=MANIFEST, model_id=MODEL_ID, version=1
        )
        self.order("model", render_model_key(handed))
        now = int(time.time())
        licence = licence_of(starts_at=now - 1000, issued_at=now, **changes)
        self.order("licence", sign_licence(licence, OWNER))
        return licence

    def ask(
        self, claims: Json | None = None, *, by: Call | None = None, **changes: Any
    ) -> tuple[X25519PrivateKey, bytes, bytes]:
        """A challenge was given; the private key, the request and the call that answers it."""
        status, given = (by or self.call)("POST", "/v1/challenge")
        assert status == 200, given
        private = X25519PrivateKey.generate()
        request = ReleaseRequest(
            broker=self.digest,
            challenge=parse_challenge(given).challenge,
            public_key=private.public_key().public_bytes_raw(),
            licence=LICENCE_ID,
            manifest=MANIFEST,
            purpose="release",
            lease=None,
            pictures=10,
        )
        text = render_request(replace(request, **changes))
        said = claims_for(text, broker=self.digest, at=int(time.time()), **dict(claims or {}))  # type: ignore[arg-type]
        token = signed({"alg": "RS256", "x5c": self.chain}, said, rsa_key("leaf"))
        return private, text, render_call(ReleaseCall(request=text, token=token))

    def release(self, **changes: Any) -> tuple[X25519PrivateKey, bytes, Release]:
        """A release, with what opens it."""
        with self.talking() as call:
            private, text, asked = self.ask(by=call, **changes)
            status, answer = call("POST", "/v1/release", asked)
        assert status == 200, answer
        return private, text, parse_release(answer)


@cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def make_served(
    parent: Path, *, name: str = "broker", passphrase: str = PASSPHRASE, arguments: Sequence[str] = ()
) -> Served:
    """A broker's folder below `parent`, made by the command; nothing serves it yet."""
    root, chain = platform()
    files = {
        "root.pem": root.public_bytes(Encoding.PEM),
        "owner.pub": OWNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "passphrase": passphrase.encode() + b"\n",
    }
    for file, data in files.items():
        (parent / file).write_bytes(data)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "symbolon", "broker", "init", str(parent / name), "--format", "json"),
            *("--url", "https://127.0.0.1:0", "--address", "127.0.0.1:0"),
            *("--owner-key", str(parent / "owner.pub"), "--emulator", str(parent / "root.pem")),
            *("--passphrase-file", str(parent / "passphrase")),
            *arguments,
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["release"]
    return Served(
        folder=parent / name,
        chain=chain,
        key=parse_public_key(said["broker_key"], where="what init says"),
        pins=tuple(said["broker_pins"]),
        passphrase_file=parent / "passphrase",
    )
