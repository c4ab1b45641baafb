"""OIDC tokens of our own: accepted as made, rejected with any one thing changed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation import rejections
from attestation.errors import EvidenceRejected, Misconfigured
from attestation.issuer import ISSUER
from attestation.tokens import MAX_TOKEN_CHARACTERS, parse_token
from attestation.verification import (
    MAX_LEEWAY_S,
    UNSAFE_ANY_AUDIENCE,
    AnyAudience,
    VerifiedClaims,
    verify_oidc_token,
)
from tests.attestation.rejecting import Rejected, each_of, rejected_as
from tests.attestation.signing import (
    AUDIENCE,
    NOW,
    Json,
    base64url,
    jwk,
    rsa_key,
    signed,
    smallest_claims,
)

HEADER: Json = {"alg": "RS256", "kid": "key-1", "typ": "JWT"}
CLAIMS: Json = smallest_claims()
KEY = rsa_key("issuer")
OTHER_KEY = rsa_key("somebody else")
KEYS: Json = {"keys": [jwk("key-0", OTHER_KEY.public_key()), jwk("key-1", KEY.public_key())]}

KEYS_OF_MANY_KINDS: Json = {"keys": [{"kty": "EC"}, {"kid": 7}, jwk("key-1", KEY.public_key())]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A token and a question about it, to which the answer is yes."""

    header: Json | bytes = field(default_factory=lambda: HEADER)
    claims: Json | bytes = field(default_factory=lambda: CLAIMS)
    key: rsa.RSAPrivateKey = KEY
    text: str | None = None
    jwks: Json = field(default_factory=lambda: KEYS)
    issuer: str = ISSUER
    audiences: Collection[str] | AnyAudience = (AUDIENCE,)
    now: float = NOW
    leeway_s: int = 0

    def verify(self) -> VerifiedClaims:
        text = signed(self.header, self.claims, self.key) if self.text is None else self.text
        return verify_oidc_token(
            parse_token(text),
            jwks=self.jwks,
            issuer=self.issuer,
            audiences=self.audiences,
            now=self.now,
            leeway_s=self.leeway_s,
        )


GOOD = Attempt()


def with_header(**changes: object) -> Attempt:
    return replace(GOOD, header={**HEADER, **changes})


def without_header(name: str) -> Attempt:
    return replace(GOOD, header={key: value for key, value in HEADER.items() if key != name})


def with_claim(**changes: object) -> Attempt:
    return replace(GOOD, claims={**CLAIMS, **changes})


def without_claim(name: str) -> Attempt:
    return replace(GOOD, claims={key: value for key, value in CLAIMS.items() if key != name})


def with_key(**changes: object) -> Attempt:
    return replace(GOOD, jwks={"keys": [{**jwk("key-1", KEY.public_key()), **changes}]})


def with_own_key_in_header() -> Attempt:
    own = jwk("key-1", OTHER_KEY.public_key())
    return replace(with_header(jwk=own, jku="https://attacker.example/keys"), key=OTHER_KEY)


def hs256_with_public_key_as_secret(encoding: Encoding) -> str:
    """The classic confusion: whoever reads `HS256` uses the public key as a shared secret."""
    header = base64url(json.dumps({**HEADER, "alg": "HS256"}).encode())
    signing_input = f"{header}.{base64url(json.dumps(CLAIMS).encode())}"
    secret = KEY.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return f"{signing_input}.{base64url(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"


def alg_none() -> str:
    header = base64url(json.dumps({**HEADER, "alg": "none"}).encode())
    return f"{header}.{base64url(json.dumps(CLAIMS).encode())}."


def public_numbers(bits: int) -> dict[str, object]:
    """A modulus of so many bits; nobody has its private key."""
    modulus = (1 << (bits - 1)) | 1
    return {"n": base64url(modulus.to_bytes((bits + 7) // 8, "big"))}


GOOD_TEXT = signed(HEADER, CLAIMS, KEY)
SIGNED_PART, SIGNATURE = GOOD_TEXT.rsplit(".", 1)

REJECTED: Rejected[Attempt] = [
    # the text
    ("too long", replace(GOOD, text="a" * (MAX_TOKEN_CHARACTERS + 1)), rejections.TokenTooLarge),
    ("two parts", replace(GOOD, text=SIGNED_PART), rejections.TokenMalformed),
    ("four parts", replace(GOOD, text=GOOD_TEXT + ".AA"), rejections.TokenMalformed),
    ("a newline at the end", replace(GOOD, text=GOOD_TEXT + "\n"), rejections.TokenMalformed),
    ("padded base64url", replace(GOOD, text=GOOD_TEXT + "=="), rejections.TokenMalformed),
    ("a header that is a list", replace(GOOD, header=b"[]"), rejections.TokenMalformed),
    ("claims that are not JSON", replace(GOOD, claims=b"{"), rejections.TokenMalformed),
    (
        "the algorithm twice",
        replace(GOOD, header=b'{"alg": "RS256", "kid": "key-1", "alg": "RS256"}'),
        rejections.DuplicateClaim,
    ),
    (
        "a claim twice",
        replace(GOOD, claims=json.dumps(CLAIMS).encode()[:-1] + b', "aud": "attacker"}'),
        rejections.DuplicateClaim,
    ),
    (
        "a claim twice, once escaped",
        replace(GOOD, claims=json.dumps(CLAIMS).encode()[:-1] + b', "\\u0061ud": "attacker"}'),
        rejections.DuplicateClaim,
    ),
    # the header
    ("algorithm none", replace(GOOD, text=alg_none()), rejections.AlgorithmNotAllowed),
    ("algorithm NONE", with_header(alg="NONE"), rejections.AlgorithmNotAllowed),
    ("algorithm RS512", with_header(alg="RS512"), rejections.AlgorithmNotAllowed),
    ("algorithm PS256", with_header(alg="PS256"), rejections.AlgorithmNotAllowed),
    ("algorithm rs256", with_header(alg="rs256"), rejections.AlgorithmNotAllowed),
    ("algorithm in a list", with_header(alg=["RS256"]), rejections.AlgorithmNotAllowed),
    ("no algorithm", without_header("alg"), rejections.AlgorithmNotAllowed),
    (
        "HS256 with the public key's PEM as secret",
        replace(GOOD, text=hs256_with_public_key_as_secret(Encoding.PEM)),
        rejections.AlgorithmNotAllowed,
    ),
    (
        "HS256 with the public key's DER as secret",
        replace(GOOD, text=hs256_with_public_key_as_secret(Encoding.DER)),
        rejections.AlgorithmNotAllowed,
    ),
    ("critical extensions", with_header(crit=["exp"]), rejections.CriticalHeader),
    ("an empty list of critical extensions", with_header(crit=[]), rejections.CriticalHeader),
    ("no key id", without_header("kid"), rejections.KeyIdMissing),
    ("a key id that is a number", with_header(kid=1), rejections.KeyIdMissing),
    ("a key id of nobody", with_header(kid="key-2"), rejections.UnknownKey),
    ("the key id of another key", with_header(kid="key-0"), rejections.SignatureInvalid),
    # the key set
    ("no keys", replace(GOOD, jwks={}), rejections.KeySetMalformed),
    ("keys that are no list", replace(GOOD, jwks={"keys": KEYS}), rejections.KeySetMalformed),
    ("a key that is no object", replace(GOOD, jwks={"keys": ["key-1"]}), rejections.KeySetMalformed),
    ("an empty key set", replace(GOOD, jwks={"keys": []}), rejections.UnknownKey),
    (
        "two keys with one key id",
        replace(GOOD, jwks={"keys": [jwk("key-1", KEY.public_key()), jwk("key-1", OTHER_KEY.public_key())]}),
        rejections.DuplicateKeyId,
    ),
    ("an elliptic key", with_key(kty="EC"), rejections.KeyNotAllowed),
    ("a key without type", with_key(kty=None), rejections.KeyNotAllowed),
    ("an encryption key", with_key(use="enc"), rejections.KeyNotAllowed),
    ("a key for another algorithm", with_key(alg="RS512"), rejections.KeyNotAllowed),
    ("a key of 2047 bits", with_key(**public_numbers(2047)), rejections.KeyNotAllowed),
    ("a key of 8193 bits", with_key(**public_numbers(8193)), rejections.KeyNotAllowed),
    ("a key without modulus", with_key(n=None), rejections.KeySetMalformed),
    ("a modulus in padded base64", with_key(n="AQ=="), rejections.KeySetMalformed),
    ("an empty exponent", with_key(e=""), rejections.KeySetMalformed),
    ("an exponent of zero", with_key(e="AA"), rejections.KeySetMalformed),
    # the signature
    ("another key's signature", replace(GOOD, key=OTHER_KEY), rejections.SignatureInvalid),
    ("an own key in the header", with_own_key_in_header(), rejections.SignatureInvalid),
    ("no signature", replace(GOOD, text=SIGNED_PART + "."), rejections.SignatureInvalid),
    (
        "half of the signature",
        replace(GOOD, text=f"{SIGNED_PART}.{SIGNATURE[:168]}"),
        rejections.SignatureInvalid,
    ),
    (
        "a longer signature",
        replace(GOOD, text=f"{SIGNED_PART}.AAAA{SIGNATURE}"),
        rejections.SignatureInvalid,
    ),
    # the claims
    ("another issuer", with_claim(iss="https://attacker.example"), rejections.WrongIssuer),
    ("the issuer with a slash", with_claim(iss=ISSUER + "/"), rejections.WrongIssuer),
    ("another expected issuer", replace(GOOD, issuer="https://other.example"), rejections.WrongIssuer),
    ("another audience", with_claim(aud="https://attacker.example"), rejections.WrongAudience),
    ("a part of the audience", with_claim(aud=AUDIENCE[:-1]), rejections.WrongAudience),
    ("an empty audience", with_claim(aud=""), rejections.WrongAudience),
    ("no audience in the list", with_claim(aud=[]), rejections.WrongAudience),
    (
        "another accepted audience",
        replace(GOOD, audiences={"https://other.example"}),
        rejections.WrongAudience,
    ),
    ("at its end", replace(GOOD, now=NOW + 3600), rejections.TokenExpired),
    ("a second before its time", replace(GOOD, now=NOW - 1), rejections.TokenNotYetValid),
    ("a later beginning", with_claim(nbf=NOW + 1), rejections.TokenNotYetValid),
    ("issued in the future", with_claim(iat=NOW + 1), rejections.TokenIssuedInFuture),
    ("an end at its issue", with_claim(exp=NOW), rejections.TokenNeverValid),
    ("an issue at its end", with_claim(iat=NOW + 3600), rejections.TokenNeverValid),
    ("a beginning at its end", with_claim(nbf=NOW + 3600), rejections.TokenNeverValid),
    *(
        (f"no {name}", without_claim(name), rejections.ClaimMissing)
        for name in ("iss", "aud", "sub", "exp", "iat", "nbf")
    ),
    *(
        (f"{name} as {shown}", with_claim(**{name: value}), rejections.ClaimMalformed)
        for name in ("exp", "iat", "nbf")
        for shown, value in (
            ("a boolean", True),
            ("a string", str(NOW)),
            ("a fraction", NOW + 0.5),
            ("a float", float(NOW)),
            ("null", None),
        )
    ),
    ("an issuer in a list", with_claim(iss=[ISSUER]), rejections.ClaimMalformed),
    ("an audience that is a number", with_claim(aud=1), rejections.ClaimMalformed),
    ("a number among the audiences", with_claim(aud=[AUDIENCE, 1]), rejections.ClaimMalformed),
    ("a time of 2^53", with_claim(exp=2**53), rejections.TokenMalformed),
]


def test_a_good_token_is_accepted() -> None:
    verified = GOOD.verify()
    assert verified.how == "oidc"
    assert verified.key_id == "key-1"
    assert verified.raw == CLAIMS
    assert verified.claims.aud == (AUDIENCE,)


@each_of(REJECTED)
def test_one_changed_thing_is_rejected_with_its_own_class(
    attempt: Attempt, rejection: type[EvidenceRejected]
) -> None:
    with rejected_as(rejection):
        attempt.verify()


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(with_claim(aud=["https://other.example", AUDIENCE]), id="one of two audiences"),
        pytest.param(replace(GOOD, audiences={"x", AUDIENCE}), id="one of two accepted audiences"),
        pytest.param(replace(GOOD, audiences=UNSAFE_ANY_AUDIENCE), id="any audience"),
        pytest.param(replace(with_claim(aud=[]), audiences=UNSAFE_ANY_AUDIENCE), id="no audience at all"),
        pytest.param(replace(GOOD, now=NOW + 3599.999), id="the last moment"),
        pytest.param(replace(GOOD, now=NOW - 60, leeway_s=60), id="the first second with leeway"),
        pytest.param(replace(GOOD, now=NOW + 3659, leeway_s=60), id="the last second with leeway"),
        pytest.param(with_header(jwk={"kty": "RSA"}, jku="https://attacker.example"), id="foreign keys"),
        pytest.param(without_header("typ"), id="no type"),
        pytest.param(replace(GOOD, jwks=KEYS_OF_MANY_KINDS), id="a key set with keys for others"),
    ],
)
def test_what_makes_no_difference_is_accepted(attempt: Attempt) -> None:
    assert attempt.verify().claims.sub == CLAIMS["sub"]


@pytest.mark.parametrize(
    ("now", "rejection"),
    [(NOW - 61, rejections.TokenNotYetValid), (NOW + 3660, rejections.TokenExpired)],
)
def test_the_leeway_ends_to_the_second(now: int, rejection: type[EvidenceRejected]) -> None:
    with pytest.raises(rejection):
        replace(GOOD, now=now, leeway_s=60).verify()


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(replace(GOOD, audiences=()), id="no audiences"),
        pytest.param(replace(GOOD, audiences=AUDIENCE), id="a string for audiences"),
        pytest.param(replace(GOOD, leeway_s=-1), id="negative leeway"),
        pytest.param(replace(GOOD, leeway_s=MAX_LEEWAY_S + 1), id="boundless leeway"),
        pytest.param(replace(GOOD, now=float("nan")), id="no time"),
        pytest.param(replace(GOOD, now=float("inf")), id="the end of time"),
    ],
)
def test_a_question_that_would_accept_anything_is_refused(attempt: Attempt) -> None:
    with pytest.raises(Misconfigured):
        attempt.verify()


def test_claims_are_taken_from_what_was_signed_and_not_from_the_object() -> None:
    forged = replace(parse_token(GOOD_TEXT), claims={**CLAIMS, "sub": "somebody else"})
    verified = verify_oidc_token(forged, jwks=KEYS, audiences=[AUDIENCE], now=NOW)
    assert verified.claims.sub == CLAIMS["sub"]
    assert verified.raw == CLAIMS


def test_only_verification_makes_verified_claims() -> None:
    verified = GOOD.verify()
    with pytest.raises(TypeError, match="only verification"):
        VerifiedClaims(claims=verified.claims, raw=verified.raw, how="oidc", key_id="key-1", made_by=None)
    with pytest.raises(TypeError, match="only verification"):
        replace(verified, key_id="key-2", made_by=None)


def test_no_rejection_shows_the_token() -> None:
    for _, attempt, _ in REJECTED:
        with pytest.raises(EvidenceRejected) as caught:
            attempt.verify()
        assert SIGNATURE[:20] not in caught.value.message + caught.value.hint
        assert "\n" not in caught.value.message
        assert len(caught.value.message) < 400
