"""Whether a token proves what it claims, as one plan that both kinds of token follow.

- **Text**: the token is taken apart anew from its text. Whatever happened to the object it
  arrived in, only what the signature covers is looked at.
- **Header**: the algorithm is RS256, and nothing is demanded (`crit`) that is not understood.
  Keys and addresses that the header brings along (`jwk`, `jku`, `x5u`) are never used.
- **Key**: for an OIDC token, the one key of the issuer's key set that has the header's `kid`;
  for a PKI token, the leaf's key of the chain `x5c` that ends in the one pinned root and is
  valid at the given time.
- **Signature**: that key signed header and payload, byte for byte.
- **Claims**: the claims that every token has are there, and every known one has its type.
- **Issuer**: `iss` is the expected one.
- **Audience**: `aud` names one of the accepted audiences.
- **Time**: the token began, has not ended, and was issued, at the given time, give or take
  the leeway.

Guarantee: verification returns `VerifiedClaims` only where each step holds; it raises
`EvidenceRejected` for anything that whoever made the token could have written. Nothing is
read or fetched, and the clock is an argument.

Source: RFC 7515, section 5.2; RFC 7519, section 7.2; RFC 8725 (best current practices).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import InitVar, dataclass
from enum import Enum
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .chain import verify_chain
from .claims import Claims, parse_claims
from .errors import Misconfigured, quoted
from .issuer import ISSUER
from .jwks import find_key
from .rejections import (
    AlgorithmNotAllowed,
    CriticalHeader,
    KeyIdMissing,
    SignatureInvalid,
    TokenExpired,
    TokenIssuedInFuture,
    TokenNeverValid,
    TokenNotYetValid,
    WrongAudience,
    WrongIssuer,
)
from .tokens import UnverifiedToken, parse_token

ALGORITHM = "RS256"
MAX_LEEWAY_S = 300

_BY_VERIFICATION = object()


class AnyAudience(Enum):
    """The type whose only value, `UNSAFE_ANY_AUDIENCE`, accepts tokens made for others."""

    UNSAFE_ANY_AUDIENCE = "unsafe-any-audience"


UNSAFE_ANY_AUDIENCE: Final = AnyAudience.UNSAFE_ANY_AUDIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedClaims:
    """Claims that a verified token makes. Only verification makes one of these.

    `raw` is the payload as it was signed, for whoever evaluates a policy. `key_id` tells which
    key signed it: the `kid` of an OIDC token, and for a PKI token the SHA-256, in hex digits, of
    the DER form of the leaf's public key.
    """

    claims: Claims
    raw: Mapping[str, object]
    how: Literal["oidc", "pki"]
    key_id: str
    made_by: InitVar[object]

    def __post_init__(self, made_by: object) -> None:
        if made_by is not _BY_VERIFICATION:
            raise TypeError("only verification makes verified claims")


def verify_oidc_token(
    token: UnverifiedToken,
    *,
    jwks: Mapping[str, object],
    issuer: str = ISSUER,
    audiences: Collection[str] | AnyAudience,
    now: float,
    leeway_s: int = 60,
) -> VerifiedClaims:
    """The claims of `token`, which `issuer` signed with a key of its key set `jwks`.

    `now` is in seconds since the epoch.

    Raises:
        EvidenceRejected: a step of the plan does not hold; its class (`rejections`) says which.
        Misconfigured: the question itself makes no sense: no audiences, or a leeway beyond
            `MAX_LEEWAY_S`.
    """
    _check_question(audiences, now, leeway_s)
    token = parse_token(token.text)
    _check_header(token.header)
    kid = token.header.get("kid")
    if not isinstance(kid, str):
        raise KeyIdMissing("the token's header does not name a key (`kid`)")
    key = find_key(jwks, kid)
    _check_signature(token, key)
    claims = parse_claims(token.claims)
    _check_issuer(claims, issuer)
    _check_audience(claims, audiences)
    _check_time(claims, now, leeway_s)
    return VerifiedClaims(claims=claims, raw=token.claims, how="oidc", key_id=kid, made_by=_BY_VERIFICATION)


def verify_pki_token(
    token: UnverifiedToken,
    *,
    root: x509.Certificate,
    audiences: Collection[str] | AnyAudience,
    now: float,
    leeway_s: int = 60,
) -> VerifiedClaims:
    """The claims of `token`, whose certificate chain ends in `root`; its issuer is `ISSUER`.

    `now` is in seconds since the epoch. The leeway is for the token; certificates have none.

    Raises:
        EvidenceRejected: a step of the plan does not hold; its class (`rejections`) says which.
        Misconfigured: the question itself makes no sense: no audiences, or a leeway beyond
            `MAX_LEEWAY_S`.
    """
    _check_question(audiences, now, leeway_s)
    token = parse_token(token.text)
    _check_header(token.header)
    key = verify_chain(token.header.get("x5c"), root=root, now=now)
    _check_signature(token, key)
    claims = parse_claims(token.claims)
    _check_issuer(claims, ISSUER)
    _check_audience(claims, audiences)
    _check_time(claims, now, leeway_s)
    key_id = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return VerifiedClaims(claims=claims, raw=token.claims, how="pki", key_id=key_id, made_by=_BY_VERIFICATION)


def _check_question(audiences: Collection[str] | AnyAudience, now: float, leeway_s: int) -> None:
    # A string is a collection of its letters, and `in` would look for a part of it.
    if audiences is not UNSAFE_ANY_AUDIENCE and (isinstance(audiences, str) or not audiences):
        raise Misconfigured("no list of accepted audiences is given", hint="name at least one audience")
    if not 0 <= leeway_s <= MAX_LEEWAY_S:
        raise Misconfigured(f"a leeway of {leeway_s} s is not between 0 and {MAX_LEEWAY_S} s")
    if not math.isfinite(now):
        raise Misconfigured("the given time is not a number of seconds since the epoch")


def _check_header(header: Mapping[str, object]) -> None:
    if header.get("alg") != ALGORITHM:
        raise AlgorithmNotAllowed(f"the token is not signed with {ALGORITHM}")
    if "crit" in header:
        raise CriticalHeader("the token's header demands extensions (`crit`), and none is understood")


def _check_signature(token: UnverifiedToken, key: rsa.RSAPublicKey) -> None:
    try:
        key.verify(token.signature, token.signing_input, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise SignatureInvalid("the token's signature does not belong to its header and payload") from None


def _check_issuer(claims: Claims, issuer: str) -> None:
    if claims.iss != issuer:
        raise WrongIssuer(f"the token's issuer is {quoted(claims.iss)}, not {quoted(issuer)}")


def _check_audience(claims: Claims, audiences: Collection[str] | AnyAudience) -> None:
    if isinstance(audiences, AnyAudience) or any(audience in audiences for audience in claims.aud):
        return
    made_for = ", ".join(quoted(audience) for audience in claims.aud[:3]) or "nobody"
    raise WrongAudience(
        f"the token was made for {made_for}, which is no accepted audience",
        hint=f"accepted: {', '.join(quoted(audience, most_characters=300) for audience in audiences)}",
    )


def _check_time(claims: Claims, now: float, leeway_s: int) -> None:
    if claims.exp <= max(claims.iat, claims.nbf):
        raise TokenNeverValid("the token expires before it begins")
    if now >= claims.exp + leeway_s:
        raise TokenExpired(f"the token expired {_lasting(now - claims.exp)} before the given time")
    if now < claims.nbf - leeway_s:
        raise TokenNotYetValid(f"the token begins {_lasting(claims.nbf - now)} after the given time")
    if now < claims.iat - leeway_s:
        raise TokenIssuedInFuture(
            f"the token says it is issued {_lasting(claims.iat - now)} after the given time"
        )


def _lasting(seconds: float) -> str:
    """A stretch of time in its two largest units; below two minutes in seconds.

    >>> _lasting(100), _lasting(4000), _lasting(100_000)
    ('100 s', '1 h 6 min', '1 d 3 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if hours == 0:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days == 0 else f"{days:,} d {hours % 24} h"
