"""iamcredentials.googleapis.com: what whoever may speak for a service account gets of it.

Access tokens, ID tokens, and its signature under bytes or claims. The keys are the state folder's, and
published where Google publishes its own. Absent: lifetimes beyond an hour (which an organization allows).

Source: IAM Service Account Credentials API reference v1, `projects.serviceAccounts`; seen error
answers. google-auth parses `expireTime` strictly as `%Y-%m-%dT%H:%M:%SZ`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import CLOUD_PLATFORM, Caller, lifetime_of, mint_access_token, require_caller
from ..bodies import fields_of
from ..errors import GoogleError
from ..signing import (
    mint_id_token,
    public_keys_of,
    public_keys_of_id_tokens,
    sign_bytes,
    sign_claims,
)
from ..state import Document, State
from .authorization import denied, require_permission
from .service_accounts import find_service_account, policies_of

_SERVICE = "iamcredentials.googleapis.com"
_PERMISSION = "iam.serviceAccounts.getAccessToken"
_ID_PERMISSION = "iam.serviceAccounts.getOpenIdToken"
_IAM_SCOPE = "https://www.googleapis.com/auth/iam"
_LONGEST_LIFETIME_S = 3600
_LONGEST_JWT_S = 12 * 3600
_DURATION = re.compile(r"(\d{1,9})(?:\.\d{1,9})?s")


def routes(state: State) -> list[BaseRoute]:
    """`POST …:generateAccessToken`, and the trust boundaries that google-auth asks for in the background."""

    async def generate_access_token(request: Request) -> Response:
        body = await fields_of(request, "delegates", "lifetime", "scope")
        caller = _scoped_caller(state, request)
        scopes = _parse_scopes(body.get("scope"))
        lifetime_s = lifetime_of(state, _parse_lifetime(body.get("lifetime", "3600s")))
        account = _speak_for(state, caller, request, body, _PERMISSION, "GenerateAccessToken")
        token = mint_access_token(
            state,
            name=account["email"],
            members=frozenset({f"serviceAccount:{account['email']}"}),
            scopes=scopes,
            lifetime_s=lifetime_s,
        )
        expires = datetime.fromtimestamp(int(state.clock()) + lifetime_s, UTC)
        return JSONResponse({"accessToken": token, "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ")})

    async def generate_id_token(request: Request) -> Response:
        body = await fields_of(request, "audience", "delegates", "includeEmail")
        caller = _scoped_caller(state, request)
        audience = body.get("audience")
        if not isinstance(audience, str) or not audience:
            raise GoogleError(400, "Request contains an invalid argument: `audience` is required.")
        account = _speak_for(state, caller, request, body, _ID_PERMISSION, "GenerateIdToken")
        more = {}
        if body.get("includeEmail") is True:
            more = {"email": account["email"], "email_verified": True}
        return JSONResponse({"token": mint_id_token(state, account["uniqueId"], audience, more)})

    async def sign_blob(request: Request) -> Response:
        body = await fields_of(request, "delegates", "payload")
        caller = _scoped_caller(state, request)
        payload = _parse_payload(body.get("payload"))
        account = _speak_for(state, caller, request, body, "iam.serviceAccounts.signBlob", "SignBlob")
        signed, key_id = sign_bytes(state, account["uniqueId"], payload)
        return JSONResponse({"keyId": key_id, "signedBlob": base64.b64encode(signed).decode()})

    async def sign_jwt(request: Request) -> Response:
        body = await fields_of(request, "delegates", "payload")
        caller = _scoped_caller(state, request)
        claims = _parse_claims(body.get("payload"), state.clock())
        account = _speak_for(state, caller, request, body, "iam.serviceAccounts.signJwt", "SignJwt")
        signed, key_id = sign_claims(state, account["uniqueId"], claims)
        return JSONResponse({"keyId": key_id, "signedJwt": signed})

    async def allowed_locations(request: Request) -> Response:
        require_caller(state, request)
        return JSONResponse({"locations": [], "encodedLocations": "0x0"})

    account = "/v1/projects/{project}/serviceAccounts/{account}"
    pool = "/v1/projects/{project}/locations/global/workloadIdentityPools/{pool}"
    return [
        Route(account + ":generateAccessToken", generate_access_token, methods=["POST"]),
        Route(account + ":generateIdToken", generate_id_token, methods=["POST"]),
        Route(account + ":signBlob", sign_blob, methods=["POST"]),
        Route(account + ":signJwt", sign_jwt, methods=["POST"]),
        Route(account + "/allowedLocations", allowed_locations, methods=["GET"]),
        Route(pool + "/allowedLocations", allowed_locations, methods=["GET"]),
    ]


def key_routes(state: State) -> list[BaseRoute]:
    """`www.googleapis.com`: the public keys, as JSON Web Key Sets."""

    async def of_id_tokens(_request: Request) -> Response:
        return JSONResponse(public_keys_of_id_tokens(state))

    async def of_account(request: Request) -> Response:
        account = find_service_account(state, request.path_params["account"])
        if account is None:
            raise GoogleError(404, "Requested entity was not found.")
        return JSONResponse(public_keys_of(state, account["uniqueId"]))

    return [
        Route("/oauth2/v3/certs", of_id_tokens),
        Route("/service_accounts/v1/metadata/jwk/{account}", of_account),
        Route("/service_accounts/v1/jwk/{account}", of_account),
    ]


def _scoped_caller(state: State, request: Request) -> Caller:
    """Who asks, with a token that is good for this service.

    Raises:
        GoogleError: 401, 403.
    """
    caller = require_caller(state, request)
    if not caller.scopes & {CLOUD_PLATFORM, _IAM_SCOPE}:
        raise GoogleError(403, "Request had insufficient authentication scopes.")
    return caller


def _speak_for(
    state: State, caller: Caller, request: Request, body: Mapping[str, Any], permission: str, method: str
) -> Document:
    """The account that the path names, which the caller, or the last of its delegates, may speak for so.

    Each delegate must be allowed an access token of the next, and the last of them `permission`.

    Raises:
        GoogleError: 403; Google does not tell an absent account from a forbidden one.
    """
    delegates = [str(name).rpartition("/")[2] for name in body.get("delegates") or []]
    for email in delegates:
        account = _account_for(state, caller, email, _PERMISSION, method)
        member = f"serviceAccount:{account['email']}"
        caller = Caller(
            name=account["email"],
            members=frozenset({member}),
            scopes=caller.scopes,
            expires_at=caller.expires_at,
        )
    return _account_for(state, caller, request.path_params["account"], permission, method)


def _account_for(state: State, caller: Caller, email: str, permission: str, method: str) -> Document:
    account = find_service_account(state, email)
    if account is None:
        raise denied(permission, f"projects/-/serviceAccounts/{email}")
    require_permission(
        state,
        caller,
        permission,
        service=_SERVICE,
        method=method,
        resource=account["name"],
        policies=policies_of(state, account),
    )
    if account.get("disabled"):  # not Google's words
        raise GoogleError(
            400, f"Service account {account['email']} is disabled.", status="FAILED_PRECONDITION"
        )
    return account


def _parse_payload(value: object) -> bytes:
    try:
        return base64.b64decode(
            value.replace("-", "+").replace("_", "/") if isinstance(value, str) else "!", validate=True
        )
    except ValueError:
        raise GoogleError(400, "Invalid value at 'payload': it is bytes, in base64.") from None


def _parse_claims(value: object, now: float) -> dict[str, Any]:
    """The claims to sign, which end within twelve hours where they say when.

    Source: IAM Service Account Credentials API reference v1, `signJwt`.
    """
    try:
        claims = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise GoogleError(400, "Invalid value at 'payload': it is a JSON object, as a text.")
    if "exp" in claims:
        expires = claims["exp"]
        if type(expires) is not int or not now < expires <= now + _LONGEST_JWT_S:
            raise GoogleError(400, "The `exp` of the payload is in the past, or more than 12 hours ahead.")
    return claims


def _parse_scopes(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not value or not all(isinstance(scope, str) for scope in value):
        raise GoogleError(400, "Request contains an invalid argument: `scope` needs at least one scope.")
    return frozenset(value)


def _parse_lifetime(value: object) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    lifetime_s = int(match[1]) if match else 0
    if not 0 < lifetime_s <= _LONGEST_LIFETIME_S:
        raise GoogleError(
            400,
            f"The token's lifetime must be more than 0s and at most {_LONGEST_LIFETIME_S}s: "
            f"got {str(value)[:40]}.",
        )
    return lifetime_s
