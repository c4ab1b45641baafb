"""Receipts of a small job, sealed by keys of our own, for tests, vectors and benchmarks.

Nothing here is random: the same draft gives the same bytes wherever it is made. The keys are made from
their names, so whoever has this file has them: they vouch for nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.digests import Digest, digest_of
from contract.canonical import decimal, render_canonical
from contract.checkpoint import Checkpoint, origin_of, sign_checkpoint
from contract.dsse import public_key_of
from contract.merkle import prove_inclusion, root_of
from contract.parts import InputLeaf, Part, count_parts, part_name, part_range, render_leaf, render_part
from contract.receipt import (
    AUDIENCE,
    KEY_ID,
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    nonce_of,
    row_leaf,
)
from contract.release_log import (
    Kind,
    Logged,
    Opening,
    logged_members,
    make_entry,
    render_entry,
    render_opening,
)
from contract.results import PictureError, Prediction, Row, render_codelab_line, render_row
from tests.attestation.signing import key_usage, name_of
from tests.tokens import production_claims

NOW: Final = 1_800_000_000
IMAGE: Final = Digest("sha256:" + "a" * 64)
JOB: Final = Digest("sha256:" + "d" * 64)
INPUT, RESULT = "gs://secundus-input/photos/", "gs://secundus-results/run/"
PICTURES: Final = 40
UNREADABLE: Final = 3
_PROVIDER: Final = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cs"
_DAY_S: Final = 86_400

Json = dict[str, Any]


@cache
def key_of(name: str) -> rsa.RSAPrivateKey:
    """The 2048-bit RSA key that is made from this name, and nobody's secret."""
    numbers = random.Random(f"symbolon receipt vectors: {name}")
    p, q = _prime(numbers), _prime(numbers)
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def _prime(numbers: random.Random) -> int:
    """A prime of 1024 bits, with its two highest bits set, that RSA with 65537 can have."""
    while True:
        candidate = numbers.getrandbits(1024) | 3 << 1022 | 1
        small = all(candidate % divisor for divisor in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47))
        if (
            small
            and candidate % 65537 != 1
            and all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3))
        ):
            return candidate


@cache
def certificate(
    subject: str, issuer: str, *, authority: bool, ends_at: int = NOW + _DAY_S
) -> x509.Certificate:
    """`issuer` vouches for the key of `subject`, from the day before `NOW` on."""
    return (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer))
        .public_key(key_of(subject).public_key())
        .serial_number(1)
        .not_valid_before(datetime.fromtimestamp(NOW - _DAY_S, UTC))
        .not_valid_after(datetime.fromtimestamp(ends_at, UTC))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(key_usage("certificates" if authority else "tokens"), critical=True)
        .sign(key_of(issuer), hashes.SHA256())
    )


def root(name: str = "root") -> x509.Certificate:
    return certificate(name, name, authority=True, ends_at=NOW + 3650 * _DAY_S)


def chain(*, ends_in: str = "root", leaf_ends_at: int = NOW + _DAY_S) -> list[str]:
    """`x5c` of a leaf below that root."""
    certificates = (certificate("leaf", ends_in, authority=False, ends_at=leaf_ends_at), root(ends_in))
    return [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in certificates]


def leaves_of(pictures: int) -> list[InputLeaf]:
    """What was read for each picture; of the first ones nothing could be."""
    return [
        InputLeaf(
            name=f"photos/{index:06}.jpg",
            generation=1_700_000_000_000_000 + index,
            sha256=None if index < UNREADABLE else hashlib.sha256(str(index).encode()).hexdigest(),
        )
        for index in range(pictures)
    ]


def row_of(index: int, leaf: InputLeaf) -> Row:
    if leaf.sha256 is None:
        error = PictureError(code="empty", message="the object has no bytes")
        return Row(picture=leaf.name, generation=leaf.generation, error=error)
    best = tuple(
        Prediction(class_index=(index + place) % 1000, score=0.5 / (place + 1), label=f"class {place}")
        for place in range(3)
    )
    return Row(picture=leaf.name, generation=leaf.generation, predictions=best)


def results_of(pictures: int) -> dict[str, bytes]:
    """The result objects of a job of so many pictures, by name; their tokens are none."""
    leaves = leaves_of(pictures)
    rows = [row_of(index, leaf) for index, leaf in enumerate(leaves)]
    results = {}
    for index in range(count_parts(pictures)):
        places = part_range(index, pictures)
        part = Part(
            index=index,
            job=JOB,
            rows=tuple(render_row(rows[place], score_digits=4).encode() for place in places),
            inputs=tuple(leaves[place] for place in places),
            token="a.b.c",
        )
        results[part_name(index)] = render_part(part)
    lines = (render_codelab_line(row, score_digits=4) for row in rows)
    return {**results, "result": "".join(lines).encode()}


def rows_in(results: Mapping[str, bytes]) -> list[bytes]:
    """The lines of all rows, without their ends, in listing order."""
    parts = [data for name, data in sorted(results.items()) if name.endswith(".jsonl")]
    return [row_leaf(line) for data in parts for line in data.splitlines()[:-1]]


def subjects_of(results: Mapping[str, bytes]) -> list[Json]:
    names = sorted(name for name in results if name != "result")
    return [
        {"name": name, "digest": {"sha256": hashlib.sha256(results[name]).hexdigest()}}
        for name in [*names, "result"]
    ]


def statement_of(results: Mapping[str, bytes], pictures: int) -> Json:
    """The statement of such a job, as JSON."""
    inputs = root_of(render_leaf(leaf) for leaf in leaves_of(pictures))
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects_of(results),
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "format": 1,
            "mode": "production",
            "image": {"digest": IMAGE, "reference": "us-docker.pkg.dev/primus/repo/workload:latest"},
            "model": {
                "uri": "gs://primus-models/lite0.tar.gz",
                "generation": decimal(1_712_345_678_901_234),
                "digest": digest_of(b"the model"),
                "sealed_manifest": None,
            },
            "terms": {"digest": digest_of(b"the terms")},
            "credential": {
                "provider": _PROVIDER,
                "service_account": "reader@primus.iam.gserviceaccount.com",
            },
            "request": {"input": INPUT, "result": RESULT, "top_k": 3},
            "job": {"digest": JOB},
            "inputs": {"root": inputs.hex(), "size": pictures},
            "rows": {"root": root_of(rows_in(results)).hex(), "size": pictures},
            "counts": {
                "unreadable": min(UNREADABLE, pictures),
                "left_out": {"placeholders": 1, "other_names": 2},
            },
            "began_at": NOW - 600,
            "ended_at": NOW - 5,
            "libraries": {"numpy": "2.4.0", "openvino": "2026.4.0"},
            "network": {"proxy": False, "private_ca": False},
            "release": None,
        },
    }


LICENCE: Final = "0123456789abcdef" * 2
REQUEST: Final = digest_of(b"the request")
MANIFEST: Final = digest_of(b"the manifest")
_BEFORE: Final = tuple(f"entry {index}".encode() for index in range(5))


def broker_identity(name: str = "broker") -> Ed25519PrivateKey:
    """The key that is made from this name, and nobody's secret."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def release_of(*, signed_by: str = "broker", kind: Kind = "release", **changes: str) -> Json:
    """What a receipt has of a release of this run, the sixth entry of seven in a broker's log."""
    said = {
        "request": REQUEST,
        "purpose": "release",
        "manifest": MANIFEST,
        "image": IMAGE,
        "instance": str(claims_of_run()["submods"]["gce"]["instance_id"]),
        "licence": LICENCE,
        "lease": "f" * 32,
        "pictures": str(PICTURES),
    }
    opening = Opening(kind=kind, at=NOW - 700, said=said | changes, salt=bytes(32))
    entry = render_entry(make_entry(opening, bytes(32)))
    leaves = (*_BEFORE, entry, b"the last entry")
    identity = broker_identity(signed_by)
    checkpoint = Checkpoint(
        origin=origin_of(public_key_of(identity).key_id), size=len(leaves), root=root_of(leaves)
    )
    logged = Logged(
        entry=entry,
        opening=render_opening(opening),
        index=len(_BEFORE),
        checkpoint=sign_checkpoint(checkpoint, identity),
        proof=prove_inclusion(leaves, len(_BEFORE)),
    )
    return {"request": REQUEST, "logged": logged_members(logged)}


def claims_of_run() -> Json:
    """The claims of the machine that ran the job, less what the receipt's token has of its own."""
    claims = production_claims(aud=AUDIENCE, iat=NOW, nbf=NOW, exp=NOW + 3600)
    asked = {"INPUT_URI": INPUT, "RESULT_URI": RESULT, "TOP_K": "3"}
    claims["submods"]["container"] |= {
        "env": {"PATH": "/usr/bin", **asked},
        "env_override": asked,
        "image_digest": IMAGE,
    }
    return claims


@dataclass(slots=True, kw_only=True)
class Draft:
    """A receipt before it is made: a row of a table changes one thing of it.

    `sealed` is what the token is made for, and `payload` what the receipt holds in its place; `claimed`,
    `token`, `envelope` and `text` change what has been made by then.
    """

    results: dict[str, bytes] = field(default_factory=lambda: results_of(PICTURES))
    statement: Json = field(default_factory=dict)
    header: Json = field(default_factory=dict)
    claims: Json = field(default_factory=claims_of_run)
    signed_by: str = "leaf"
    sealed: Callable[[bytes], bytes] = bytes
    payload: Callable[[bytes], bytes] = bytes
    claimed: Callable[[bytes], bytes] = bytes
    token: Callable[[str], str] = str
    envelope: Callable[[Json], Json] = dict
    text: Callable[[bytes], bytes] = bytes

    def __post_init__(self) -> None:
        self.statement = self.statement or statement_of(self.results, PICTURES)
        self.header = self.header or {"alg": "RS256", "typ": "JWT", "x5c": chain()}

    @property
    def predicate(self) -> Json:
        predicate: Json = self.statement["predicate"]
        return predicate

    @property
    def container(self) -> Json:
        container: Json = self.claims["submods"]["container"]
        return container

    def release(self, **how: Any) -> None:
        """A broker has released the model's key to this run."""
        self.predicate["release"] = release_of(**how)
        self.predicate["model"]["sealed_manifest"] = MANIFEST
        self.container["env"]["LICENCE"] = self.container["env_override"]["LICENCE"] = LICENCE

    def make(self) -> bytes:
        """The content of `receipt.json`."""
        payload = self.sealed(render_canonical(self.statement))
        claims = {"eat_nonce": nonce_of(payload), **self.claims}
        header, said = (json.dumps(part).encode() for part in (self.header, claims))
        token = self.token(_sign(header, self.claimed(said), key_of(self.signed_by)))
        envelope = {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(self.payload(payload)).decode(),
            "signatures": [{"keyid": KEY_ID, "sig": base64.b64encode(token.encode()).decode()}],
        }
        return self.text(json.dumps(self.envelope(envelope)).encode())


def _sign(header: bytes, claims: bytes, key: rsa.RSAPrivateKey) -> str:
    signing_input = ".".join(map(_base64url, (header, claims)))
    signature = key.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signing_input}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
