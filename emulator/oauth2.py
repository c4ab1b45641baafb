"""oauth2.googleapis.com: the token endpoint, for people who ran `gcloud auth application-default login`.

Absent: every grant but `refresh_token`, ID tokens, consent and re-authentication. One request and one
rule are all there is, so they stand in this module.

Source: RFC 6749, section 6; google-auth, `google.oauth2._client.refresh_grant`.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .access_tokens import CLOUD_PLATFORM, mint_access_token
from .errors import OAuthError
from .gcloud_folder import write_gcloud_folder
from .state import State, write_atomically

_PREFIX = "1//symbolon-emulator."
_AUDIENCE = "https://oauth2.googleapis.com/token"
_CLIENT_ID = "symbolon-emulator.apps.googleusercontent.com"
_CLIENT_IDS = (
    _CLIENT_ID,
    "32555940559.apps.googleusercontent.com",  # gcloud's own: googlecloudsdk/core/config.py
)
_LIFETIME_S = 3599


def routes(state: State, *, path: str = "/token") -> list[BaseRoute]:
    """`POST /token`; at www.googleapis.com, where TensorFlow asks, the path is `/oauth2/v3/token`."""

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if form.get("grant_type") != "refresh_token":
            raise OAuthError("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        if form.get("client_id") not in _CLIENT_IDS:
            raise OAuthError("invalid_client", "The OAuth client was not found.", http_status=401)
        email = _user_of(state, form.get("refresh_token", ""))
        scopes = frozenset(form.get("scope", CLOUD_PLATFORM).split())
        access_token = mint_access_token(
            state, name=email, members=frozenset({f"user:{email}"}), scopes=scopes, lifetime_s=_LIFETIME_S
        )
        return JSONResponse(
            {
                "access_token": access_token,
                "expires_in": _LIFETIME_S,
                "scope": " ".join(sorted(scopes)),
                "token_type": "Bearer",
            }
        )

    return [Route(path, token, methods=["POST"])]


def write_credentials_file(state: State, party: str, *, email: str, project_id: str) -> None:
    """`DIR/adc/PARTY.json` is what `gcloud auth application-default login` would have left for `email`.

    And in `DIR/gcloud/PARTY` gcloud and gsutil are logged in.
    """
    path = state.folder / "adc" / f"{party}.json"
    refresh_token = _PREFIX + jwt.encode({"aud": _AUDIENCE, "sub": email}, state.access_token_secret, "HS256")
    document = {
        "account": email,
        "client_id": _CLIENT_ID,
        "client_secret": "not-a-secret",
        "quota_project_id": project_id,
        "refresh_token": refresh_token,
        "type": "authorized_user",
        "universe_domain": "googleapis.com",
    }
    if not path.exists():
        write_atomically(path, json.dumps(document, indent=2).encode())
    write_gcloud_folder(state.folder / "gcloud" / party, document, project_id=project_id)


def _user_of(state: State, refresh_token: str) -> str:
    """Whose refresh token it is; any scope below `cloud-platform` may be asked with it.

    Raises:
        OAuthError: nobody's.
    """
    try:
        claims = jwt.decode(
            refresh_token.removeprefix(_PREFIX), state.access_token_secret, ["HS256"], audience=_AUDIENCE
        )
    except jwt.InvalidTokenError:
        raise OAuthError("invalid_grant", "Bad Request") from None
    return str(claims["sub"])
