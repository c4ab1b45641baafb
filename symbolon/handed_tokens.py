"""A token's claims, as a person hands them in, verified as far as that person asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.issuer import ISSUER
from attestation.rejections import (
    TokenExpired,
    TokenIssuedInFuture,
    TokenNeverValid,
    TokenNotYetValid,
    WrongAudience,
    WrongIssuer,
)
from attestation.strict_json import parse_json_object
from attestation.tokens import UnverifiedToken
from attestation.verification import (
    UNSAFE_ANY_AUDIENCE,
    verify_oidc_token,
    verify_pki_token,
)
from contract.results import parse_error
from policy.provider import Provider
from policy.wording import with_moment

from .inputs import parse_json_document
from .policy_files import NamedText, read_named
from .token_mistakes import check_are_claims, hint_of_issuer, parse_handed_token, whose

_OF_TIME: Final = (TokenExpired, TokenNotYetValid, TokenIssuedInFuture, TokenNeverValid)
_LAUNCHER_S_AUDIENCE: Final = "https://sts.googleapis.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """Claims, and in words how far they are to be believed."""

    claims: Mapping[str, object]
    verified: bool
    described: str
    audience: str | None = None

    def document(self) -> dict[str, object]:
        """What `--format json` has to say of it: an audience that is not the provider's."""
        return {} if self.audience is None else {"audience": {"asked": self.audience, "accepted": False}}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedToken:
    """A token, or claims alone, as it was handed in, with the keys or the root that verify it, if any.

    `audience` is accepted instead of the provider's own, where somebody wants to know what would be.
    `inputs` are the files that were read, each with the part that it plays.
    """

    token: UnverifiedToken | None
    claims: Mapping[str, object]
    keys: Mapping[str, object] | None
    root: x509.Certificate | None
    audience: str | None = None
    inputs: tuple[tuple[str, NamedText], ...] = ()

    def assumptions(self, provider: Provider | None) -> tuple[str, ...]:
        """What an answer about it takes for granted, since nobody asked or nobody could look."""
        said = []
        if self.keys is None and self.root is None:
            said.append("the token's claims are as they stand there: nothing was verified")
        if provider is None and self.audience is None:
            said.append("the provider accepts the token's audience")
        elif provider is not None and self.audience is not None and self.audience not in provider.audiences:
            said.append(f"the provider accepts the audience {quoted(self.audience, most_characters=200)}")
        return tuple(said)

    def check(self, provider: Provider | None, *, now: float) -> TokenClaims:
        """The claims, verified as far as was asked.

        Where there is a provider, its issuer and audiences are asked for either way, as STS asks for them.

        Raises:
            EvidenceRejected: the token is not what it claims to be.
        """
        issuer = ISSUER if provider is None else provider.issuer
        try:
            return self._checked(provider, issuer, now=now)
        except EvidenceRejected as rejection:
            hints = [rejection.hint, self._hint(rejection, issuer)]
            rejection.hint = "; ".join(filter(None, hints))
            raise

    def _checked(self, provider: Provider | None, issuer: str, *, now: float) -> TokenClaims:
        audiences = provider.audiences if provider is not None else None
        if self.audience is not None:
            audiences = (self.audience,)
        note = self._note(provider)
        other = self.audience if provider is not None and self.audience not in provider.audiences else None
        if self.token is not None and self.keys is not None:
            proof = verify_oidc_token(
                self.token, jwks=self.keys, issuer=issuer, audiences=audiences or UNSAFE_ANY_AUDIENCE, now=now
            )
            said = f"verified by a key of the key set, for {moment(now)}{note}"
            return TokenClaims(claims=proof.raw, verified=True, described=said, audience=other)
        if self.token is not None and self.root is not None:
            proof = verify_pki_token(
                self.token, root=self.root, audiences=audiences or UNSAFE_ANY_AUDIENCE, now=now
            )
            if provider is not None:
                _check_issuer(proof.raw, provider)
            said = f"verified by its certificates, up to the root, for {moment(now)}{note}"
            return TokenClaims(claims=proof.raw, verified=True, described=said, audience=other)
        if provider is not None:
            _check_issuer(self.claims, provider)
        if audiences is not None:
            _check_audience(self.claims, audiences)
        said = "NOT verified, as asked: anybody can have written it"
        if provider is None and (whose_it_is := whose(self.claims.get("iss"))):
            said += f"; it says that it is {whose_it_is}"
        return TokenClaims(
            claims=self.claims,
            verified=False,
            described=said + (note if self.audience is not None else ""),
            audience=other,
        )

    def _note(self, provider: Provider | None) -> str:
        """A remark about the audience, behind the words that say how the token was verified."""
        if self.audience is None:
            unchecked = "; its audience was NOT checked: a condition alone names none"
            return unchecked if provider is None else ""
        if provider is not None and self.audience not in provider.audiences:
            refused = f"STS would refuse its audience, {quoted(self.audience, most_characters=200)}"
            return f"; {refused}, which the provider does not accept"
        return f"; its audience is {quoted(self.audience)}, as asked"

    def _hint(self, rejection: EvidenceRejected, issuer: str) -> str:
        """What the person can do about it who handed the token in."""
        if (found := self.claims.get("iss")) != issuer:
            if hint := hint_of_issuer(found):
                return hint
            if not isinstance(rejection, WrongIssuer):
                return f"its issuer is {_shown(found)}, where {quoted(issuer)} is wanted"
        if isinstance(rejection, WrongAudience):
            return _way_out(self.claims)
        if isinstance(rejection, _OF_TIME):
            times = [f"{name} {with_moment(self.claims.get(name))}" for name in ("iat", "nbf", "exp")]
            return f"it says {', '.join(times)}; `--at` asks about another moment"
        return ""


def read_token(token: str, *, jwks: str | None, root: str | None, audience: str | None = None) -> HandedToken:
    """The token in the file `token`, with the key set or the root that is to verify it.

    With neither of them nothing will be verified, and a JSON object of claims will do.

    Raises:
        EvidenceRejected: it is no token.
        Misconfigured: a file cannot be read, or is of another kind.
    """
    named = read_named(token, what="token")
    text = named.text.strip()
    if not text.startswith("{"):
        parsed = parse_handed_token(text)
        key_set = None if jwks is None else read_named(jwks, what="key set")
        trusted = None if root is None else read_named(root, what="root")
        inputs = (("token", replace(named, is_token=True)), ("jwks", key_set), ("root", trusted))
        return HandedToken(
            token=parsed,
            claims=parsed.claims,
            keys=None if key_set is None else _key_set(key_set),
            root=None if trusted is None else _certificate(trusted),
            audience=audience,
            inputs=tuple((role, text) for role, text in inputs if text is not None),
        )
    claims = claims_in(text)
    check_are_claims(claims)
    if jwks is not None or root is not None:
        raise Misconfigured(
            "the token is a JSON object of claims, which nobody signed",
            hint="give the signed token, or --unsafe-unverified for an answer that proves nothing",
        )
    return HandedToken(
        token=None, claims=claims, keys=None, root=None, audience=audience, inputs=(("token", named),)
    )


def claims_in(text: str) -> Mapping[str, object]:
    """The claims that a JSON object is, or that a job's `error.json` holds of the token that was refused.

    Raises:
        EvidenceRejected: it is no JSON object.
        Misconfigured: it is an `error.json` without claims.
    """
    document = parse_json_object(text.encode(), what="token")
    if not {"family", "message", "hint"} <= document.keys():
        return document
    error = parse_error(text)
    if error.claims is None:
        raise Misconfigured(
            "this `error.json` holds no claims: the job did not end because a token was refused",
            hint=f"it ended as {quoted(error.family)}: {error.message}",
        )
    return error.claims


def moment(seconds: float) -> str:
    """The moment as RFC 3339 writes it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _key_set(named: NamedText) -> Mapping[str, object]:
    document = parse_json_document(named.text, what="key set")
    if not isinstance(document.get("keys"), list):
        raise Misconfigured(
            f"the key set {quoted(named.name)} has no list `keys`",
            hint='it is what the issuer\'s `jwks_uri` answers: {"keys": […]}',
        )
    return document


def read_root(name: str) -> x509.Certificate:
    """The certificate in the file `name`.

    Raises:
        Misconfigured: it cannot be read, or is no certificate in PEM.
    """
    return _certificate(read_named(name, what="root"))


def _certificate(named: NamedText) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(named.text.encode())
    except ValueError as error:
        raise Misconfigured(
            f"the root {quoted(named.name)} is not a certificate in PEM",
            hint="it begins with -----BEGIN CERTIFICATE-----",
        ) from error


def _check_issuer(claims: Mapping[str, object], provider: Provider) -> None:
    if claims.get("iss") != provider.issuer:
        raise WrongIssuer(
            f"the token's issuer is {_shown(claims.get('iss'))}, and the provider's {quoted(provider.issuer)}"
        )


def _check_audience(claims: Mapping[str, object], audiences: Sequence[str]) -> None:
    if not any(audience in audiences for audience in _audiences_of(claims)):
        raise WrongAudience(
            f"the token's audience is {_shown(claims.get('aud'))}, which the provider does not accept",
            hint=f"accepted: {', '.join(map(_shown, audiences))}",
        )


def _audiences_of(claims: Mapping[str, object]) -> list[object]:
    aud = claims.get("aud")
    return aud if isinstance(aud, list) else [aud]


def _way_out(claims: Mapping[str, object]) -> str:
    """What can be done about a token that was made for somebody else."""
    audience = next((each for each in _audiences_of(claims) if isinstance(each, str) and each), None)
    if audience is None:
        return ""
    asks = f"`--audience {audience}` shows what the policy says of it otherwise"
    if audience != _LAUNCHER_S_AUDIENCE:
        return asks
    return (
        "the launcher makes the token of its file for this audience: a workload asks the launcher's socket"
        f" for one with the provider's, or the owner allows this one (`--allowed-audiences`); {asks}"
    )


def _shown(claim: object) -> str:
    return "not there" if claim is None else quoted(str(claim), most_characters=200)
