"""A token's claims as a person hands them in, believed as far as that person asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from attestation.errors import Misconfigured, quoted
from attestation.rejections import WrongAudience, WrongIssuer
from attestation.strict_json import parse_json_object
from attestation.tokens import UnverifiedToken, parse_token
from attestation.verification import (
    ISSUER,
    UNSAFE_ANY_AUDIENCE,
    VerifiedClaims,
    verify_oidc_token,
    verify_pki_token,
)
from policy.provider import Provider

from .inputs import parse_json_document, read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """Claims, and in words how far they are to be believed."""

    claims: Mapping[str, object]
    verified: bool
    described: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedToken:
    """A token as it was handed in, or claims alone, and what is to verify it: keys, a root, or nothing."""

    token: UnverifiedToken | None
    claims: Mapping[str, object]
    keys: Mapping[str, object] | None
    root: x509.Certificate | None

    def check(self, provider: Provider | None, *, now: float) -> TokenClaims:
        """The claims, verified as far as was asked.

        Where there is a provider, its issuer and audiences are asked for either way, as STS asks for them.

        Raises:
            EvidenceRejected: the token is not what it claims to be.
        """
        audiences = UNSAFE_ANY_AUDIENCE if provider is None else provider.audiences
        if self.token is not None and self.keys is not None:
            issuer = ISSUER if provider is None else provider.issuer
            proof = verify_oidc_token(self.token, jwks=self.keys, issuer=issuer, audiences=audiences, now=now)
            return _verified(proof, "by a key of the key set", provider, now)
        if self.token is not None and self.root is not None:
            proof = verify_pki_token(self.token, root=self.root, audiences=audiences, now=now)
            if provider is not None:
                _check_issuer(proof.raw, provider)
            return _verified(proof, "by its certificates, up to the root", provider, now)
        if provider is not None:
            _check_issuer(self.claims, provider)
            _check_audience(self.claims, provider)
        return TokenClaims(
            claims=self.claims,
            verified=False,
            described="NOT verified, as asked: anybody can have written it",
        )


def read_token(token: str, *, jwks: str | None, root: str | None) -> HandedToken:
    """The token in the file `token`, with the key set or the root that is to verify it.

    With neither of them nothing will be verified, and a JSON object of claims will do.

    Raises:
        EvidenceRejected: it is no token.
        Misconfigured: a file cannot be read, or is of another kind.
    """
    text = read_text(token, what="token").strip()
    if not text.startswith("{"):
        parsed = parse_token(text)
        return HandedToken(
            token=parsed,
            claims=parsed.claims,
            keys=None if jwks is None else _key_set(jwks),
            root=None if root is None else _certificate(root),
        )
    if jwks is not None or root is not None:
        raise Misconfigured(
            "the token is a JSON object of claims, which nobody signed",
            hint="give the signed token, or --unsafe-unverified for an answer that proves nothing",
        )
    claims = parse_json_object(text.encode(), what="token")
    return HandedToken(token=None, claims=claims, keys=None, root=None)


def _verified(proof: VerifiedClaims, by: str, provider: Provider | None, now: float) -> TokenClaims:
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    audience = "; its audience was NOT checked: a condition alone names none" if provider is None else ""
    return TokenClaims(claims=proof.raw, verified=True, described=f"verified {by}, for {moment}{audience}")


def _key_set(name: str) -> Mapping[str, object]:
    document = parse_json_document(read_text(name, what="key set"), what="key set")
    if not isinstance(document.get("keys"), list):
        raise Misconfigured(
            f"the key set {quoted(name)} has no list `keys`",
            hint='it is what the issuer\'s `jwks_uri` answers: {"keys": […]}',
        )
    return document


def _certificate(name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(read_text(name, what="root").encode())
    except ValueError as error:
        raise Misconfigured(
            f"the root {quoted(name)} is not a certificate in PEM",
            hint="it begins with -----BEGIN CERTIFICATE-----",
        ) from error


def _check_issuer(claims: Mapping[str, object], provider: Provider) -> None:
    if claims.get("iss") != provider.issuer:
        raise WrongIssuer(
            f"the token's issuer is {_shown(claims.get('iss'))}, and the provider's {quoted(provider.issuer)}"
        )


def _check_audience(claims: Mapping[str, object], provider: Provider) -> None:
    aud = claims.get("aud")
    if not any(audience in provider.audiences for audience in (aud if isinstance(aud, list) else [aud])):
        raise WrongAudience(
            f"the token's audience is {_shown(claims.get('aud'))}, which the provider does not accept",
            hint=f"accepted: {', '.join(map(_shown, provider.audiences))}",
        )


def _shown(claim: object) -> str:
    return "not there" if claim is None else quoted(str(claim), most_characters=200)
