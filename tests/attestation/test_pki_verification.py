"""PKI tokens of our own: accepted as made, rejected with any one thing changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation import rejections
from attestation.errors import EvidenceRejected, Misconfigured
from attestation.tokens import parse_token
from attestation.verification import VerifiedClaims, verify_pki_token
from tests.attestation.rejecting import Rejected, each_of, rejected_as
from tests.attestation.signing import (
    AUDIENCE,
    DAY_S,
    NOW,
    CertificatePlan,
    Json,
    intermediate_plan,
    leaf_plan,
    root_plan,
    rsa_key,
    signed,
    smallest_claims,
    x5c_of,
)

ROOT, INTERMEDIATE, LEAF = root_plan(), intermediate_plan(), leaf_plan()
OTHER_KEY = rsa_key("somebody else")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A chain, a token that its leaf signs, and a question about it, to which the answer is yes."""

    leaf: CertificatePlan = LEAF
    pinned: CertificatePlan = ROOT
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa_key("leaf"))
    header: Json = field(default_factory=lambda: {"alg": "RS256", "typ": "JWT"})
    claims: Json = field(default_factory=smallest_claims)
    now: float = NOW

    def verify(self) -> VerifiedClaims:
        chain = x5c_of(self.leaf.make(), INTERMEDIATE.make(), ROOT.make())
        text = signed({**self.header, "x5c": chain}, self.claims, self.key)
        return verify_pki_token(
            parse_token(text),
            root=self.pinned.make(),
            audiences=[AUDIENCE],
            now=self.now,
            leeway_s=0,
        )


GOOD = Attempt()


def with_claim(**changes: object) -> Attempt:
    return replace(GOOD, claims={**smallest_claims(), **changes})


EXPIRED = replace(LEAF, begins_at=NOW - 2 * DAY_S, ends_at=NOW - 1)

REJECTED: Rejected[Attempt] = [
    (
        "another root is pinned",
        replace(GOOD, pinned=replace(ROOT, key=OTHER_KEY, issuer_key=OTHER_KEY)),
        rejections.UntrustedRoot,
    ),
    ("an expired leaf", replace(GOOD, leaf=EXPIRED), rejections.CertificateExpired),
    ("a token that the leaf did not sign", replace(GOOD, key=OTHER_KEY), rejections.SignatureInvalid),
    # the token itself
    (
        "algorithm none",
        replace(GOOD, header={"alg": "none"}),
        rejections.AlgorithmNotAllowed,
    ),
    ("critical headers", replace(GOOD, header={"alg": "RS256", "crit": []}), rejections.CriticalHeader),
    ("another issuer", with_claim(iss="https://attacker.example"), rejections.WrongIssuer),
    ("another audience", with_claim(aud="https://attacker.example"), rejections.WrongAudience),
    ("at its end", replace(GOOD, now=NOW + 3600), rejections.TokenExpired),
    ("a second before its time", replace(GOOD, now=NOW - 1), rejections.TokenNotYetValid),
]


def test_a_good_token_is_accepted() -> None:
    verified = GOOD.verify()
    leaf_key = rsa_key("leaf").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert verified.how == "pki"
    assert verified.key_id == hashlib.sha256(leaf_key).hexdigest()
    assert verified.raw == smallest_claims()


@each_of(REJECTED)
def test_one_changed_thing_is_rejected_with_its_own_class(
    attempt: Attempt, rejection: type[EvidenceRejected]
) -> None:
    with rejected_as(rejection):
        attempt.verify()


def test_an_oidc_token_has_no_chain() -> None:
    text = signed({"alg": "RS256", "kid": "key-1"}, smallest_claims(), rsa_key("leaf"))
    with pytest.raises(rejections.ChainMissing):
        verify_pki_token(parse_token(text), root=ROOT.make(), audiences=[AUDIENCE], now=NOW)


def test_a_key_id_says_nothing_here() -> None:
    assert replace(GOOD, header={"alg": "RS256", "kid": 7}).verify().how == "pki"


def test_a_question_without_audiences_is_refused() -> None:
    text = signed({"alg": "RS256"}, smallest_claims(), rsa_key("leaf"))
    with pytest.raises(Misconfigured):
        verify_pki_token(parse_token(text), root=ROOT.make(), audiences=[], now=NOW)
