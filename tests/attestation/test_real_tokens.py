"""Tokens that Google's verifier signed: right at their own time, and in every byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from attestation import rejections
from attestation.errors import EvidenceRejected
from attestation.tokens import UnverifiedToken, parse_token
from attestation.verification import UNSAFE_ANY_AUDIENCE, VerifiedClaims, verify_oidc_token, verify_pki_token
from tests.attestation.conftest import OidcEvidence, PkiEvidence
from tests.attestation.signing import root_plan

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Verify = Callable[[UnverifiedToken], VerifiedClaims]

PKI_ISSUED_AT, PKI_EXPIRES_AT = 1757060250, 1757063850
PKI_AUDIENCE = "z08381475938604996746"
OIDC_AUDIENCE = "https://synddb-sequencer.example.com"


def test_the_pki_token_verifies_at_its_own_time(pki_evidence: PkiEvidence) -> None:
    verified = verify_pki_token(
        parse_token(pki_evidence.text),
        root=pki_evidence.root,
        audiences=[PKI_AUDIENCE],
        now=PKI_ISSUED_AT,
        leeway_s=0,
    )
    claims = verified.claims
    assert (claims.iat, claims.exp) == (PKI_ISSUED_AT, PKI_EXPIRES_AT)
    assert claims.hwmodel == "GCP_INTEL_TDX"
    assert claims.dbgstat == "disabled-since-boot"
    assert claims.submods is not None and claims.submods.confidential_space is not None
    assert claims.submods.confidential_space.support_attributes == ("LATEST", "STABLE", "USABLE")
    assert claims.unknown == {}


@pytest.mark.parametrize("which", ["with_nonce", "without_nonce"])
def test_the_oidc_tokens_verify_at_their_own_time(oidc_evidence: OidcEvidence, which: str) -> None:
    verified = verify_oidc_token(
        parse_token(oidc_evidence.texts[which]),
        jwks=oidc_evidence.jwks,
        audiences=[OIDC_AUDIENCE],
        now=oidc_evidence.captured_at,
        leeway_s=0,
    )
    claims = verified.claims
    assert verified.key_id == "d6d5071ab75246a42acfa46d29316311cdab51f7"
    assert claims.hwmodel == "GCP_AMD_SEV"
    assert claims.dbgstat == "enabled"
    assert claims.submods is not None and claims.submods.confidential_space is not None
    assert claims.submods.confidential_space.support_attributes is None
    assert claims.eat_nonce == (("sp1-test-nonce-1764708636",) if which == "with_nonce" else None)
    assert claims.unknown == {}


TIMES = [
    pytest.param(0, 0, None, id="the first second"),
    pytest.param(0, -1, rejections.TokenNotYetValid, id="a second too early"),
    pytest.param(0, 3599, None, id="the last second"),
    pytest.param(0, 3600, rejections.TokenExpired, id="the second of expiry"),
    pytest.param(60, -60, None, id="the first second of the leeway"),
    pytest.param(60, -61, rejections.TokenNotYetValid, id="a second before the leeway"),
    pytest.param(60, 3659, None, id="the last second of the leeway"),
    pytest.param(60, 3660, rejections.TokenExpired, id="a second after the leeway"),
]


@pytest.mark.parametrize(("leeway_s", "age_s", "rejection"), TIMES)
def test_the_pki_token_is_rejected_outside_its_time(
    pki_evidence: PkiEvidence, leeway_s: int, age_s: int, rejection: type[EvidenceRejected] | None
) -> None:
    def verify() -> None:
        verify_pki_token(
            parse_token(pki_evidence.text),
            root=pki_evidence.root,
            audiences=[PKI_AUDIENCE],
            now=PKI_ISSUED_AT + age_s,
            leeway_s=leeway_s,
        )

    _check(verify, rejection)


@pytest.mark.parametrize(("leeway_s", "age_s", "rejection"), TIMES)
def test_an_oidc_token_is_rejected_outside_its_time(
    oidc_evidence: OidcEvidence, leeway_s: int, age_s: int, rejection: type[EvidenceRejected] | None
) -> None:
    def verify() -> None:
        verify_oidc_token(
            parse_token(oidc_evidence.texts["with_nonce"]),
            jwks=oidc_evidence.jwks,
            audiences=[OIDC_AUDIENCE],
            now=oidc_evidence.captured_at + age_s,
            leeway_s=leeway_s,
        )

    _check(verify, rejection)


def _check(verify: Callable[[], None], rejection: type[EvidenceRejected] | None) -> None:
    if rejection is None:
        verify()
    else:
        with pytest.raises(rejection):
            verify()


def test_the_pki_token_is_rejected_under_another_root(pki_evidence: PkiEvidence) -> None:
    with pytest.raises(rejections.UntrustedRoot):
        verify_pki_token(
            parse_token(pki_evidence.text),
            root=root_plan().make(),
            audiences=[PKI_AUDIENCE],
            now=PKI_ISSUED_AT,
        )


def test_the_oidc_token_is_rejected_with_the_issuers_other_key(oidc_evidence: OidcEvidence) -> None:
    keys = oidc_evidence.jwks["keys"]
    assert isinstance(keys, list)
    with pytest.raises(rejections.UnknownKey):
        verify_oidc_token(
            parse_token(oidc_evidence.texts["with_nonce"]),
            jwks={"keys": keys[:1]},
            audiences=[OIDC_AUDIENCE],
            now=oidc_evidence.captured_at,
        )


def test_every_changed_character_of_the_oidc_token_is_rejected(oidc_evidence: OidcEvidence) -> None:
    def verify(token: UnverifiedToken) -> VerifiedClaims:
        return verify_oidc_token(
            token, jwks=oidc_evidence.jwks, audiences=UNSAFE_ANY_AUDIENCE, now=oidc_evidence.captured_at
        )

    text = oidc_evidence.texts["with_nonce"]
    assert verify(parse_token(text))
    _check_all(mutations(text, bits=range(6)), verify)


def test_every_changed_character_of_the_pki_token_is_rejected(pki_evidence: PkiEvidence) -> None:
    def verify(token: UnverifiedToken) -> VerifiedClaims:
        return verify_pki_token(
            token, root=pki_evidence.root, audiences=UNSAFE_ANY_AUDIENCE, now=PKI_ISSUED_AT
        )

    assert verify(parse_token(pki_evidence.text))
    _check_all(mutations(pki_evidence.text, bits=(0,)), verify)


def mutations(text: str, *, bits: range | tuple[int, ...]) -> Iterator[tuple[int, str]]:
    """`text` with one character changed, at every place: the given bits of its six flipped.

    The lowest bit is also the one that decoders overlook at the end of a part.
    """
    for place, character in enumerate(text):
        before, after = text[:place], text[place + 1 :]
        yield place, f"{before}*{after}"
        if character != ".":
            for bit in bits:
                yield place, before + BASE64URL[BASE64URL.index(character) ^ (1 << bit)] + after


def _check_all(texts: Iterator[tuple[int, str]], verify: Verify) -> None:
    for place, text in texts:
        try:
            verify(parse_token(text))
        except EvidenceRejected:
            continue
        pytest.fail(f"the token is accepted with another character at {place}")


def test_a_changed_payload_fails_at_its_signature_and_nowhere_later(oidc_evidence: OidcEvidence) -> None:
    """The claims of the other token, under this one's signature: both are well-formed."""
    one, other = (parse_token(oidc_evidence.texts[which]) for which in ("with_nonce", "without_nonce"))
    header, payload, _ = other.text.split(".")
    spliced = replace(one, text=f"{header}.{payload}.{one.text.rpartition('.')[2]}")
    with pytest.raises(rejections.SignatureInvalid):
        verify_oidc_token(
            spliced, jwks=oidc_evidence.jwks, audiences=[OIDC_AUDIENCE], now=oidc_evidence.captured_at
        )
