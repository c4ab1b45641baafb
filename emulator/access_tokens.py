"""OAuth access tokens that are signed and stateless, so that a restart does not cut clients off.

google-auth caches an STS token for an hour and does not drop it when a later call answers
401; an emulator that forgot its tokens would break its clients for as long. A service account's are
refused while it is disabled, and once it is deleted, and are good again afterwards.

Source: IAM API reference v1, `projects.serviceAccounts.disable`; googleapis,
google/api/error_reason.proto, `ACCOUNT_STATE_INVALID`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import jwt
from starlette.requests import Request

from .errors import GoogleError
from .state import State

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_PREFIX = "ya29.symbolon-emulator."
_ACCOUNT = "serviceAccount:"
_UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
    "other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a request speaks for: IAM members (`serviceAccount:…`, `user:…`, `principalSet://…`).

    `name` is how an error message or the audit log calls them.
    """

    name: str
    members: frozenset[str]
    scopes: frozenset[str]
    expires_at: int


def mint_access_token(
    state: State, *, name: str, members: frozenset[str], scopes: frozenset[str], lifetime_s: int
) -> str:
    """A bearer token that speaks for `members` until `lifetime_s` seconds from now."""
    claims = {
        "name": name,
        "members": sorted(members),
        "scope": sorted(scopes),
        "exp": int(state.clock()) + lifetime_s,
    }
    return _PREFIX + jwt.encode(claims, state.access_token_secret, "HS256")


def caller_of(state: State, request: Request) -> Caller | None:
    """Who the request's bearer token speaks for, or None without an `Authorization` header.

    Raises:
        GoogleError: 401 where there is a credential, but not one that is valid now.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer":
        raise _unauthenticated()
    return caller_of_token(state, token.strip())


def caller_of_token(state: State, token: str) -> Caller:
    """Who `token` speaks for.

    Raises:
        GoogleError: 401 where it is not one of ours, has expired, or is of an account that may not be used.
    """
    try:
        caller = _named_by(token, state.access_token_secret)
    except jwt.InvalidTokenError:
        raise _unauthenticated() from None
    if not token.startswith(_PREFIX) or caller.expires_at <= state.clock():
        raise _unauthenticated()
    for email in sorted(
        member.removeprefix(_ACCOUNT) for member in caller.members if member.startswith(_ACCOUNT)
    ):
        if not may_be_used(state, email):
            info = {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "ACCOUNT_STATE_INVALID",
                "domain": "googleapis.com",
                "metadata": {"email": email},
            }
            raise _unauthenticated(details=[info])
    return caller


def may_be_used(state: State, email: str) -> bool:
    """Whether the service account is there, and not disabled."""
    account = state.collection("iam.serviceAccounts").get(email)
    return account is not None and not account.get("disabled")


@lru_cache(maxsize=256)
def _named_by(token: str, secret: bytes) -> Caller:
    """Who the token names, expired or not; each of thousands of requests brings the same one."""
    claims = jwt.decode(
        token.removeprefix(_PREFIX),
        secret,
        ["HS256"],
        options={"verify_exp": False, "require": ["exp"]},
    )
    return Caller(
        name=claims["name"],
        members=frozenset(claims["members"]),
        scopes=frozenset(claims["scope"]),
        expires_at=claims["exp"],
    )


def require_caller(state: State, request: Request) -> Caller:
    """Who the request speaks for; an anonymous one is refused.

    Raises:
        GoogleError: 401.
    """
    caller = caller_of(state, request)
    if caller is None:
        raise _unauthenticated()
    return caller


def _unauthenticated(details: Sequence[Mapping[str, object]] = ()) -> GoogleError:
    headers = {"www-authenticate": 'Bearer realm="https://accounts.google.com/"'}
    return GoogleError(401, _UNAUTHENTICATED, details=details, headers=headers)
