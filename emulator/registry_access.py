"""Repositories of images, and who may pull from and push to them.

Source: Artifact Registry documentation, "Configure authentication" (an access token as the
password of `oauth2accesstoken`); distribution/distribution, docs/spec/auth/token.md.
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .access_tokens import Caller, caller_of_token
from .errors import GoogleError
from .iam.authorization import permissions_of, project_of
from .registry_images import StoredImage
from .state import Collection, State

_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
_USERS = re.compile(r"oauth2accesstoken|_token|_dc[a-z0-9_]*_token")
"""Whose password is an access token: a person's, and those of the credential helpers of gcloud and gcr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository that the caller may use, and the image in it that the path names."""

    folder: Path
    path: str
    """As in a path after `/v2/`: project, repository, image."""
    image: str

    def blob(self, digest: str) -> Path:
        return self.folder / "blobs" / digest.removeprefix("sha256:")

    @property
    def stored(self) -> StoredImage:
        """What is there of the image."""
        return StoredImage(self.folder, self.image)

    def session(self, name: str) -> Path:
        return self.folder / "uploads" / name


class Repositories:
    """All repositories of all projects."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def collection(self) -> Collection:
        """`projects/P/locations/L/repositories/R` → `{"policy", "resource"}`."""
        return self._state.collection("artifactregistry.repositories")

    def folder_of(self, name: str) -> Path:
        """Where the images of the repository of that resource name are."""
        return self._state.folder / "registry" / name

    def open(self, request: Request, permission: str, path: str) -> Repository:
        """The repository of a path after `/v2/`, where the caller holds `permission`; audited.

        Raises:
            GoogleError: 400 NAME_INVALID; 401, where nobody said who they are; 403 DENIED, also
                where there is no such repository and the caller may not know; 404 NAME_UNKNOWN.
        """
        components = path.split("/")
        if len(components) < 3 or not all(map(_COMPONENT.fullmatch, components)):
            raise registry_error(400, "NAME_INVALID", "expected PROJECT/REPOSITORY/IMAGE")
        project_id, repository_id, *image = components
        location = request.path_params["location"]
        name = f"projects/{project_id}/locations/{location}/repositories/{repository_id}"
        caller = authenticate(self._state, request)
        repository = self.collection.get(name)
        policies = [repository["policy"]] if repository else []
        with suppress(GoogleError):  # no such project: nobody may anything there
            policies.append(project_of(self._state, project_id)["policy"])
        permission = f"artifactregistry.repositories.{permission}"
        granted = permission in permissions_of(caller, policies)
        self._state.audit.record(
            service="artifactregistry.googleapis.com",
            method=f"Docker-{request.method}",
            principal="anonymous" if caller is None else caller.name,
            resource=f"{name}/dockerImages/{'/'.join(image)}",
            granted=granted,
            detail={"permission": permission},
        )
        if not granted:
            raise _denied(request, caller, permission, name)
        if repository is None:
            raise registry_error(404, "NAME_UNKNOWN", f'Repository "{repository_id}" not found')
        return Repository(folder=self.folder_of(name), path=path, image="/".join(image))


def authenticate(state: State, request: Request) -> Caller | None:
    """Who the request speaks for; None without a credential.

    Raises:
        GoogleError: 401 where there is a credential, but not one that is valid now.
    """
    if "authorization" not in request.headers:
        return None
    try:
        return caller_of_token(state, token_of(request))
    except GoogleError:
        raise registry_error(
            401, "UNAUTHORIZED", "authentication failed", headers=challenge(request)
        ) from None


def token_of(request: Request) -> str:
    """The access token that the request brings, as a bearer's or as a password; `""`: none."""
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return credential.strip()
    try:
        user, _, password = base64.b64decode(credential).decode().partition(":")
    except ValueError:
        return ""
    return password if kind.lower() == "basic" and _USERS.fullmatch(user) else ""


def challenge(request: Request) -> dict[str, str]:
    """The header that says where a token is to be had; a client's own access token will do as one."""
    host = request.url.hostname
    return {"www-authenticate": f'Bearer realm="https://{host}/v2/token",service="{host}"'}


def registry_error(
    http_status: int, code: str, message: str, *, headers: dict[str, str] | None = None
) -> GoogleError:
    """An error of the distribution protocol; `code` is one of its specification's."""
    return GoogleError(http_status, message, reason=code, headers=headers)


def on_registry_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for `GoogleError` in this service."""
    assert isinstance(error, GoogleError)  # noqa: S101  registered for this class alone
    body = {"errors": [{"code": error.reason or error.status, "message": error.message}]}
    return JSONResponse(body, error.http_status, error.headers)


def _denied(request: Request, caller: Caller | None, permission: str, name: str) -> GoogleError:
    if caller is None:
        message = (
            "Unauthenticated request. Unauthenticated requests do not have permission "
            f'"{permission}" on resource "{name}" (or it may not exist)'
        )
        return registry_error(401, "UNAUTHORIZED", message, headers=challenge(request))
    message = f'Permission "{permission}" denied on resource "{name}" (or it may not exist)'
    return registry_error(403, "DENIED", message)
