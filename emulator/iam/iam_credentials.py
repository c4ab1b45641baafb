"""iamcredentials.googleapis.com: a service account's access token for whoever may impersonate it.

Absent: ID tokens, signing blobs and JWTs, lifetimes beyond an hour (which an organization allows).

Source: IAM Service Account Credentials API reference v1, `projects.serviceAccounts`; seen error
answers. google-auth parses `expireTime` strictly as `%Y-%m-%dT%H:%M:%SZ`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import CLOUD_PLATFORM, Caller, mint_access_token, require_caller
from ..bodies import json_of
from ..errors import GoogleError
from ..state import State
from .authorization import denied, require_permission
from .service_accounts import find_service_account, policies_of

_SERVICE = "iamcredentials.googleapis.com"
_METHOD = "GenerateAccessToken"
_PERMISSION = "iam.serviceAccounts.getAccessToken"
_IAM_SCOPE = "https://www.googleapis.com/auth/iam"
_LONGEST_LIFETIME_S = 3600
_DURATION = re.compile(r"(\d{1,9})(?:\.\d{1,9})?s")


def routes(state: State) -> list[BaseRoute]:
    """`POST …:generateAccessToken`, and the trust boundaries that google-auth asks for in the background."""

    async def generate_access_token(request: Request) -> Response:
        caller = require_caller(state, request)
        if not caller.scopes & {CLOUD_PLATFORM, _IAM_SCOPE}:
            raise GoogleError(403, "Request had insufficient authentication scopes.")
        body = await json_of(request)
        scopes = _parse_scopes(body.get("scope"))
        lifetime_s = _parse_lifetime(body.get("lifetime", "3600s"))
        delegates = [str(name).rpartition("/")[2] for name in body.get("delegates") or []]
        for email in (*delegates, request.path_params["account"]):
            caller = _impersonate(state, caller, email)
        token = mint_access_token(
            state, name=caller.name, members=caller.members, scopes=scopes, lifetime_s=lifetime_s
        )
        expires = datetime.fromtimestamp(int(state.clock()) + lifetime_s, UTC)
        return JSONResponse({"accessToken": token, "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ")})

    async def allowed_locations(request: Request) -> Response:
        require_caller(state, request)
        return JSONResponse({"locations": [], "encodedLocations": "0x0"})

    account = "/v1/projects/{project}/serviceAccounts/{account}"
    pool = "/v1/projects/{project}/locations/global/workloadIdentityPools/{pool}"
    return [
        Route(account + ":generateAccessToken", generate_access_token, methods=["POST"]),
        Route(account + "/allowedLocations", allowed_locations, methods=["GET"]),
        Route(pool + "/allowedLocations", allowed_locations, methods=["GET"]),
    ]


def _impersonate(state: State, caller: Caller, email: str) -> Caller:
    """The service account of that address, which `caller` may speak for.

    Raises:
        GoogleError: 403; Google does not tell an absent account from a forbidden one.
    """
    account = find_service_account(state, email)
    if account is None:
        raise denied(_PERMISSION, f"projects/-/serviceAccounts/{email}")
    require_permission(
        state,
        caller,
        _PERMISSION,
        service=_SERVICE,
        method=_METHOD,
        resource=account["name"],
        policies=policies_of(state, account),
    )
    member = f"serviceAccount:{account['email']}"
    return Caller(
        name=account["email"], members=frozenset({member}), scopes=caller.scopes, expires_at=caller.expires_at
    )


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
