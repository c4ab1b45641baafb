"""sts.googleapis.com: the exchange of an attestation token for a federated access token.

The decision is the policy room's, by the same evaluation that explains it; the audit log keeps
the explanation, with the claims it read and never the token. Google's own words are given where
they are known, and marked below where they are not.

Absent: AWS and SAML credentials, workforce pools, and fetching the keys of issuers other than
the emulated verifier (such a provider needs its keys uploaded, as `jwksJson`).

Source: Security Token Service API reference v1, `token`; RFC 8693; seen error answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from attestation.errors import EvidenceRejected
from attestation.issuer import ISSUER
from attestation.tokens import UnverifiedToken, parse_token
from attestation.verification import verify_oidc_token
from policy.deciding import Decision, decide
from policy.explaining import Trace
from policy.mapping import Mapped
from policy.provider import Provider, parse_provider

from .access_tokens import lifetime_of, mint_access_token
from .errors import OAuthError
from .iam.workload_identity_pools import find_active_provider
from .state import State
from .verifier import Verifier

_SERVICE = "sts.googleapis.com"
_METHOD = "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  a type's name
_SUBJECT_TOKENS = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")
_RESOURCE = "//iam.googleapis.com/"
_LIFETIME_S = 3599
_LONGEST_SUBJECT_TOKEN_S = 48 * 3600

_REJECTED = "The given credential is rejected by the attribute condition."
_BAD_AUDIENCE = (
    'Invalid value for "audience". This value should be the full resource name of the Identity Provider. '
    "See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible "
    "formats."
)
_NO_PROVIDER = (
    'The target service indicated by the "audience" parameters is invalid. This might either be because the '
    "pool or provider is disabled or deleted or because it doesn't exist."
)
_NO_ISSUER = "Error connecting to the given credential's issuer."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRequest:
    """What a client asks for; the subject token redacts itself."""

    audience: str
    scopes: frozenset[str]
    subject_token: str

    def __repr__(self) -> str:
        return f"ExchangeRequest(audience={self.audience!r}, subject_token=<redacted>)"


def routes(state: State, verifier: Verifier) -> list[BaseRoute]:
    """`POST /v1/token`."""

    async def token(request: Request) -> Response:
        exchange = parse_exchange(await request.body(), request.headers.get("content-type", ""))
        provider = _find_provider(state, exchange.audience)
        try:
            assertion = _assert(state, verifier, provider, exchange.subject_token)
        except _Refused as unacceptable:
            _record(state, provider, principal="", refused=unacceptable)
            raise unacceptable.answer from None
        decision = decide(provider, assertion)
        principal = _principal_of(provider, decision.mapped)
        if decision.mapped is None or not decision.admitted:
            refused = _refusal_of(decision)
            _record(state, provider, principal=principal, refused=refused, trace=decision.trace)
            raise refused.answer
        _record(state, provider, principal=principal, trace=decision.trace)
        return JSONResponse(_grant(state, provider, decision.mapped, principal, exchange.scopes))

    return [Route("/v1/token", token, methods=["POST"])]


def parse_exchange(body: bytes, content_type: str) -> ExchangeRequest:
    """The exchange that a form (snake case) or a JSON object (camel case) asks for.

    Raises:
        OAuthError: it is not one that the emulator, or STS, answers.
    """
    fields = _fields(body, content_type)
    if fields.get("grant_type") != _GRANT:
        raise OAuthError("unsupported_grant_type", f'Invalid value for "grant_type". It should be {_GRANT}.')
    audience = fields.get("audience", "")
    if not audience.startswith(_RESOURCE + "projects/") or "/providers/" not in audience:
        raise OAuthError("invalid_request", _BAD_AUDIENCE)
    if fields.get("requested_token_type", _ACCESS_TOKEN) != _ACCESS_TOKEN:
        raise OAuthError(
            "invalid_request", f'Invalid value for "requested_token_type". It should be {_ACCESS_TOKEN}.'
        )
    if fields.get("subject_token_type") not in _SUBJECT_TOKENS:
        raise OAuthError("invalid_request", 'Invalid value for "subject_token_type".')
    if not fields.get("subject_token"):
        raise OAuthError("invalid_request", 'Missing required parameter "subject_token".')
    return ExchangeRequest(
        audience=audience,
        scopes=frozenset(fields.get("scope", "").split()),
        subject_token=fields["subject_token"],
    )


def _fields(body: bytes, content_type: str) -> dict[str, str]:
    try:
        if not content_type.startswith("application/json"):
            return dict(parse_qsl(body.decode()))
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise OAuthError("invalid_request", "Invalid JSON payload received.")
    return {_snake_case(name): value for name, value in document.items() if isinstance(value, str)}


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


class _Refused(Exception):
    """The answer to a credential that is refused, and for the audit log what is wrong with it."""

    def __init__(self, answer: OAuthError, reason: str) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason


def _find_provider(state: State, audience: str) -> Provider:
    document = find_active_provider(state, audience.removeprefix(_RESOURCE))
    if document is None:
        raise OAuthError("invalid_target", _NO_PROVIDER)
    return parse_provider(document)


def _principal_of(provider: Provider, mapped: Mapped | None) -> str:
    """The federated identity; "" where it is not known."""
    subject = None if mapped is None else mapped.google.get("subject")
    return "" if subject is None else f"principal:{_RESOURCE}{_pool_of(provider)}/subject/{subject}"


def _refusal_of(decision: Decision) -> _Refused:
    """STS's answer to a credential that was verified and is not admitted.

    `emulator_unknown` is the emulator's own: it does not know what Google's STS would answer. It is a
    400, which no client asks again.
    """
    if decision.refusal is not None:
        refusal = decision.refusal
        return _Refused(OAuthError(refusal.error, refusal.message), refusal.message)
    if decision.outcome == "unknown":
        sentence = f"The emulator does not know what Google would answer: {decision.unknown}"
        return _Refused(OAuthError("emulator_unknown", sentence), decision.unknown)
    return _Refused(OAuthError("unauthorized_client", _REJECTED), "")


def _assert(state: State, verifier: Verifier, provider: Provider, subject_token: str) -> Mapping[str, object]:
    """The claims of the token, which is one that the provider trusts.

    Raises:
        _Refused: with STS's answer.
    """
    jwks = provider.jwks or (verifier.jwks if provider.issuer == ISSUER else None)
    if jwks is None:
        raise _Refused(OAuthError("invalid_grant", _NO_ISSUER), "the issuer's keys are not uploaded")
    try:
        token = parse_token(subject_token)
    except EvidenceRejected as error:
        # Not Google's words, which are not known.
        raise _Refused(OAuthError("invalid_grant", "Unable to parse the ID Token."), error.message) from None
    try:
        verified = verify_oidc_token(
            token, jwks=jwks, issuer=provider.issuer, audiences=provider.audiences, now=state.clock()
        )
    except EvidenceRejected as error:
        description = _describe_rejection(error, token, provider)
        raise _Refused(OAuthError("invalid_grant", description), error.message) from None
    if verified.claims.exp - verified.claims.iat >= _LONGEST_SUBJECT_TOKEN_S:
        description = "The ID Token's lifetime is 48 hours or more."  # not Google's words
        raise _Refused(OAuthError("invalid_grant", description), description)
    return verified.raw


def _describe_rejection(error: EvidenceRejected, token: UnverifiedToken, provider: Provider) -> str:
    claims = token.claims
    match error.code:
        case "wrong-audience":
            audience = claims.get("aud")
            shown = ", ".join(map(str, audience)) if isinstance(audience, list) else str(audience)
            return f"The audience in ID Token [{shown}] does not match the expected audience."
        case "token-expired":
            return f"ID Token issued at {claims.get('iat')} is stale to sign-in."
        case "wrong-issuer":
            # Not Google's words, as far as is known.
            issuer = claims.get("iss")
            return f"The issuer in ID Token {issuer} does not match the expected ones: {provider.issuer}."
        case _:
            return f"The ID Token is not valid: {error.message}."  # not Google's words


def _pool_of(provider: Provider) -> str:
    return provider.name.partition("/providers/")[0]


def _grant(
    state: State, provider: Provider, mapped: Mapped, principal: str, scopes: frozenset[str]
) -> dict[str, object]:
    """The answer with a federated token: it speaks for the subject, its attributes and the pool."""
    everyone = f"principalSet:{_RESOURCE}{_pool_of(provider)}"
    members = {principal, f"{everyone}/*"}
    members |= {f"{everyone}/attribute.{name}/{value}" for name, value in mapped.attribute.items()}
    groups = mapped.google.get("groups")
    members |= {f"{everyone}/group/{group}" for group in groups} if isinstance(groups, list) else set()
    lifetime_s = lifetime_of(state, _LIFETIME_S)
    token = mint_access_token(
        state, name=principal, members=frozenset(members), scopes=scopes, lifetime_s=lifetime_s
    )
    return {
        "access_token": token,
        "issued_token_type": _ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": lifetime_s,
    }


def _record(
    state: State,
    provider: Provider,
    *,
    principal: str,
    refused: _Refused | None = None,
    trace: Trace | None = None,
) -> None:
    detail: dict[str, object] = {}
    if refused is not None:
        detail |= {"error": refused.answer.error, "error_description": refused.answer.description}
        detail |= {"reason": refused.reason} if refused.reason else {}
    if trace is not None:
        detail["clauses"] = [
            {
                "text": clause.text,
                "span": list(clause.span),
                "outcome": clause.outcome,
                "claims": dict(clause.claims),
                "absent": list(clause.absent),
                "reason": clause.reason,
                "fix": clause.fix,
            }
            for clause in trace.clauses
        ]
    state.audit.record(
        service=_SERVICE,
        method=_METHOD,
        principal=principal,
        resource=provider.name,
        granted=refused is None,
        detail=detail,
    )
