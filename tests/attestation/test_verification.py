"""What verification takes for granted, by its value: the issuer, the leeways, and its words."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from attestation import verification
from attestation.errors import EvidenceRejected, Misconfigured
from attestation.rejections import WrongAudience
from attestation.tokens import parse_token
from attestation.verification import AnyAudience, VerifiedClaims, verify_oidc_token
from tests.attestation.signing import AUDIENCE, NOW, jwk, rsa_key, signed, smallest_claims

KEY = rsa_key("issuer")
KEYS = {"keys": [jwk("key-1", KEY.public_key())]}
GOOGLE = "https://confidentialcomputing.googleapis.com"


def verify(*, now: float = NOW, audiences: list[str] | None = None, **claims: object) -> VerifiedClaims:
    """A token with these claims changed, verified with nothing said of the leeway."""
    text = signed({"alg": "RS256", "kid": "key-1"}, {**smallest_claims(), **claims}, KEY)
    accepted = [AUDIENCE] if audiences is None else audiences
    return verify_oidc_token(parse_token(text), jwks=KEYS, audiences=accepted, now=now)


def test_the_issuer_is_google_s_verifier() -> None:
    assert verify(iss=GOOGLE).claims.iss == GOOGLE
    with pytest.raises(EvidenceRejected) as caught:
        verify(iss="https://else.example")
    assert caught.value.message == f"the token's issuer is `https://else.example`, not `{GOOGLE}`"


def test_whoever_accepts_any_audience_says_so_by_name() -> None:
    assert [member.value for member in AnyAudience] == ["unsafe-any-audience"]


def test_a_minute_of_leeway_is_usual_at_both_ends() -> None:
    assert verify(now=NOW - 60)
    assert verify(now=NOW + 3659)
    for now in (NOW - 61, NOW + 3660):
        with pytest.raises(EvidenceRejected):
            verify(now=now)


@pytest.mark.parametrize("leeway_s", [0, 300])
def test_the_leeway_may_be_nothing_and_five_minutes(leeway_s: int) -> None:
    text = signed({"alg": "RS256", "kid": "key-1"}, smallest_claims(), KEY)
    assert verify_oidc_token(
        parse_token(text), jwks=KEYS, audiences=[AUDIENCE], now=NOW - leeway_s, leeway_s=leeway_s
    )


@pytest.mark.parametrize("leeway_s", [-1, 301])
def test_no_other_leeway_is(leeway_s: int) -> None:
    text = signed({"alg": "RS256", "kid": "key-1"}, smallest_claims(), KEY)
    with pytest.raises(Misconfigured) as caught:
        verify_oidc_token(parse_token(text), jwks=KEYS, audiences=[AUDIENCE], now=NOW, leeway_s=leeway_s)
    assert caught.value.message == f"a leeway of {leeway_s} s is not between 0 and 300 s"


@pytest.mark.parametrize(
    ("now", "changed", "message"),
    [
        (NOW + 3700, {}, "the token expired 100 s before the given time"),
        (NOW - 100, {}, "the token begins 100 s after the given time"),
        (NOW, {"iat": NOW + 100}, "the token says it is issued 100 s after the given time"),
        (NOW - 120, {}, "the token begins 2 min after the given time"),
        (NOW + 7260, {}, "the token expired 1 h 1 min before the given time"),
        (NOW + 903_600, {}, "the token expired 10 d 10 h before the given time"),
    ],
)
def test_a_time_that_is_missed_is_told_as_a_duration(now: int, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(EvidenceRejected) as caught:
        verify(now=now, **changed)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("made_for", "shown"),
    [
        pytest.param(["a", "b", "c", "d"], "`a`, `b`, `c`", id="the first three"),
        pytest.param([], "nobody", id="nobody"),
    ],
)
def test_whom_a_token_was_made_for_is_told(made_for: list[str], shown: str) -> None:
    with pytest.raises(WrongAudience) as caught:
        verify(aud=made_for)
    assert caught.value.message == f"the token was made for {shown}, which is no accepted audience"
    assert caught.value.hint == f"accepted: `{AUDIENCE}`"


def test_an_accepted_audience_is_shown_up_to_300_characters() -> None:
    with pytest.raises(WrongAudience) as caught:
        verify(audiences=["x" * 300, "y" * 301])
    assert caught.value.hint == f"accepted: `{'x' * 300}`, `{'y' * 300}…`"


def test_a_chain_has_a_minute_of_leeway_too() -> None:
    assert inspect.signature(verification.verify_pki_token).parameters["leeway_s"].default == 60
