"""Whatever arrives, the answer is a rejection or a verified token, and never another failure."""

from __future__ import annotations

import base64
import contextlib
import json

from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attestation.chain import verify_chain
from attestation.claims import parse_claims
from attestation.errors import EvidenceRejected
from attestation.jwks import find_key
from attestation.strict_json import parse_json_object
from attestation.tokens import parse_token
from attestation.verification import verify_oidc_token, verify_pki_token
from tests.attestation.signing import (
    AUDIENCE,
    NOW,
    base64url,
    every_claim,
    intermediate_plan,
    jwk,
    leaf_plan,
    root_plan,
    rsa_key,
    signed,
    x5c_of,
)

KEY = rsa_key("issuer")
JWKS = {"keys": [jwk("key-1", KEY.public_key())]}
HEADER = {"alg": "RS256", "kid": "key-1"}
ROOT: x509.Certificate = root_plan().make()
CHAIN = x5c_of(leaf_plan().make(), intermediate_plan().make(), ROOT)

fuzzed = settings(max_examples=100)

CLAIM_NAMES = sorted({*every_claim(), *json.dumps(every_claim()).split('"')})
names = st.sampled_from(CLAIM_NAMES) | st.text(max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=12)
    | st.sampled_from([NOW, NOW + 60, AUDIENCE, "RS256", "key-1", "RSA", 10**400, "\ud800", "\0"])
)
json_values = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(names, below, max_size=6),
    max_leaves=12,
)
json_objects = st.dictionaries(names, json_values, max_size=6)
known_claims = st.sampled_from(sorted(every_claim()))


def verify(text: str) -> None:
    with contextlib.suppress(EvidenceRejected):
        verify_oidc_token(parse_token(text), jwks=JWKS, audiences=[AUDIENCE], now=NOW)
    with contextlib.suppress(EvidenceRejected):
        verify_pki_token(parse_token(text), root=ROOT, audiences=[AUDIENCE], now=NOW)


@fuzzed
@given(st.text(max_size=200) | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
@example("." * 100_000)
@example("\ud800")
@example("\0.\0.\0")
def test_any_text(text: str) -> None:
    verify(text)


@fuzzed
@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=300))
@example(b"[" * 200_000, b"{}", b"")
@example(b"{}", b'{"a":' * 200_000, b"")
@example(b"{}", b'{"exp":' + b"9" * 50_000 + b"}", b"")
def test_any_bytes_in_three_parts(header: bytes, payload: bytes, signature: bytes) -> None:
    verify(".".join(base64url(part) for part in (header, payload, signature)))


@fuzzed
@given(st.binary(max_size=300))
def test_any_bytes_as_json(data: bytes) -> None:
    with contextlib.suppress(EvidenceRejected):
        parse_json_object(data, what="payload")


@fuzzed
@given(json_objects, json_objects)
def test_any_signed_json(header: dict[str, object], claims: dict[str, object]) -> None:
    verify(signed({**header, **HEADER}, claims, KEY))


@fuzzed
@given(json_objects)
def test_any_header(header: dict[str, object]) -> None:
    verify(signed({**HEADER, **header}, every_claim(), KEY))


@fuzzed
@given(known_claims, json_values)
def test_any_value_of_any_signed_claim(name: str, value: object) -> None:
    verify(signed(HEADER, {**every_claim(), name: value}, KEY))


@fuzzed
@given(json_objects)
def test_any_claims(claims: dict[str, object]) -> None:
    with contextlib.suppress(EvidenceRejected):
        parse_claims({**every_claim(), **claims})


@fuzzed
@given(json_values)
def test_any_chain(x5c: object) -> None:
    with contextlib.suppress(EvidenceRejected):
        verify_chain(x5c, root=ROOT, now=NOW)


@fuzzed
@given(st.integers(0, 2), st.data())
def test_any_change_of_a_certificate(place: int, data: st.DataObject) -> None:
    der = bytearray(base64.b64decode(str(CHAIN[place])))
    start = data.draw(st.integers(0, len(der) - 1))
    der[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    x5c = [*CHAIN[:place], base64.b64encode(der).decode(), *CHAIN[place + 1 :]]
    with contextlib.suppress(EvidenceRejected):
        verify_chain(x5c, root=ROOT, now=NOW)
        assert x5c == CHAIN


@fuzzed
@given(json_objects | st.builds(lambda keys: {"keys": keys}, json_values), st.text(max_size=4))
def test_any_key_set(jwks: dict[str, object], kid: str) -> None:
    with contextlib.suppress(EvidenceRejected):
        find_key(jwks, kid)


@fuzzed
@given(st.sampled_from(["kty", "use", "alg", "n", "e"]), json_values | st.binary().map(base64url))
def test_any_value_in_a_key(name: str, value: object) -> None:
    with contextlib.suppress(EvidenceRejected):
        find_key({"keys": [{**jwk("key-1", KEY.public_key()), name: value}]}, "key-1")
