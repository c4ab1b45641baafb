"""artifactregistry.googleapis.com: Docker repositories, and who may pull and push.

Every operation is done when it is answered. What is in a repository is `artifact_images.py`'s, and
pushed and pulled at the repository's own host, `registry.py`. Absent: other formats, remote and virtual
repositories, cleanup policies.

Source: Artifact Registry API reference, v1 `projects.locations.repositories`.
"""

from __future__ import annotations

import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .access_tokens import Caller, require_caller
from .artifact_images import image_routes
from .bodies import json_of
from .errors import GoogleError
from .iam.authorization import (
    Policy,
    empty_policy,
    permissions_of,
    project_of,
    replace_policy,
    require_permission,
)
from .iam.policy_requests import parse_permissions_request, parse_policy_request, render_permissions
from .pages import page_of
from .places import MULTI_REGIONS, REGIONS
from .registry_access import Repositories
from .repository_requests import parse_repository, parse_repository_id, parse_repository_patch
from .state import Document, State

_SERVICE = "artifactregistry.googleapis.com"
_TYPE = "type.googleapis.com/google.devtools.artifactregistry.v1."
_LOCATIONS = tuple(sorted((*MULTI_REGIONS, *REGIONS)))
_PARENT = "/v1/projects/{project}/locations/{location}"


def routes(state: State) -> list[BaseRoute]:
    """Repositories: create, get, list, patch, delete, their allow policies, and what is in them."""
    repositories = _ArtifactRegistry(state)
    collection = _PARENT + "/repositories"
    return [
        # gcloud asks its beta for this.
        *(
            Route(f"/{version}/projects/{{project}}/locations", repositories.list_locations)
            for version in ("v1", "v1beta2")
        ),
        Route(_PARENT, repositories.get_location),
        Route(_PARENT + "/operations/{operation}", repositories.operation),
        Route(collection, repositories.create, methods=["POST"]),
        Route(collection, repositories.list_names),
        Route(collection + "/{repository}:getIamPolicy", repositories.get_iam_policy),
        Route(collection + "/{repository}:setIamPolicy", repositories.set_iam_policy, methods=["POST"]),
        Route(
            collection + "/{repository}:testIamPermissions",
            repositories.test_iam_permissions,
            methods=["POST"],
        ),
        *image_routes(collection + "/{repository}", repositories.permit, repositories.done),
        Route(collection + "/{repository}", repositories.get),
        Route(collection + "/{repository}", repositories.patch, methods=["PATCH"]),
        Route(collection + "/{repository}", repositories.delete, methods=["DELETE"]),
    ]


class _ArtifactRegistry:
    def __init__(self, state: State) -> None:
        self._state = state
        self._repositories = Repositories(state)
        self._operations = state.collection("artifactregistry.operations")

    async def list_locations(self, request: Request) -> Response:
        project = self._project_for(request)
        found = [(name, _render_location(project, name)) for name in _LOCATIONS]
        page, more = page_of(found, request.query_params)
        return JSONResponse({"locations": page, **more})

    async def get_location(self, request: Request) -> Response:
        project, name = self._project_for(request), request.path_params["location"]
        return JSONResponse(_render_location(project, _known_location(name)))

    async def operation(self, request: Request) -> Response:
        project, path = self._project_for(request), request.path_params
        name = f"projects/{project}/locations/{path['location']}/operations/{path['operation']}"
        document = self._operations.get(name)
        if document is None:
            raise GoogleError(404, "Requested entity was not found.")
        return JSONResponse(document)

    def _project_for(self, request: Request) -> str:
        """The ID of the project that the path names, where the caller may list its repositories."""
        caller = require_caller(self._state, request)
        project = project_of(self._state, request.path_params["project"])
        self._require(caller, "repositories.list", f"projects/{project['projectId']}", [project["policy"]])
        return str(project["projectId"])

    def _parent(self, request: Request, verb: str) -> str:
        """The name that repositories there begin with, where the caller may do so in the project."""
        caller = require_caller(self._state, request)
        project = project_of(self._state, request.path_params["project"])
        location = request.path_params["location"]
        if location != "-":
            _known_location(location)
        parent = f"projects/{project['projectId']}/locations/{location}"
        self._require(caller, f"repositories.{verb}", parent, [project["policy"]])
        return parent

    def _named(self, request: Request) -> tuple[str, Document | None, list[Policy]]:
        """The name that the path spells, the repository of that name, and the policies over it."""
        path = request.path_params
        project = project_of(self._state, path["project"])
        name = (
            f"projects/{project['projectId']}/locations/{path['location']}/repositories/{path['repository']}"
        )
        repository = self._repositories.collection.get(name)
        policies = [project["policy"]] + ([repository["policy"]] if repository else [])
        return name, repository, policies

    def _repository(self, request: Request, permission: str) -> Document:
        """The repository that the path names, where the caller may do so.

        Raises:
            GoogleError: 403, also where there is none and the caller may not know; 404.
        """
        caller = require_caller(self._state, request)
        name, repository, policies = self._named(request)
        self._require(caller, permission, name, policies)
        if repository is None:
            raise GoogleError(404, "Requested entity was not found.")
        return repository

    def permit(self, request: Request, permission: str) -> tuple[str, Path]:
        """The repository that the path names, and its folder, where the caller may do so there.

        Raises:
            GoogleError: as `_repository` does.
        """
        name = str(self._repository(request, permission)["resource"]["name"])
        return name, self._repositories.folder_of(name)

    def _require(self, caller: Caller, permission: str, resource: str, policies: list[Policy]) -> None:
        require_permission(
            self._state,
            caller,
            f"artifactregistry.{permission}",
            service=_SERVICE,
            method=permission,
            resource=resource,
            policies=policies,
        )

    async def create(self, request: Request) -> Response:
        document = await json_of(request)
        parent = self._parent(request, "create")
        identifier = parse_repository_id(request.query_params)
        stored = parse_repository(document)
        name = f"{parent}/repositories/{identifier}"
        if name in self._repositories.collection:
            raise GoogleError(409, "the repository already exists")
        now = self._now()
        resource = {
            "name": name,
            "createTime": now,
            "updateTime": now,
            "mode": "STANDARD_REPOSITORY",
            "registryUri": _uri_of(name),
        } | stored
        self._repositories.collection.put(name, {"resource": resource, "policy": empty_policy()})
        return self.done(parent, {"@type": _TYPE + "Repository", **resource})

    async def list_names(self, request: Request) -> Response:
        parent = self._parent(request, "list")
        place = parent.removesuffix("-") if parent.endswith("/-") else parent + "/"
        found = [
            (name, repository["resource"])
            for name, repository in self._repositories.collection.items()
            if name.startswith(place)
        ]
        page, more = page_of(found, request.query_params)
        return JSONResponse({**({"repositories": page} if page else {}), **more})

    async def get(self, request: Request) -> Response:
        return JSONResponse(self._repository(request, "repositories.get")["resource"])

    async def patch(self, request: Request) -> Response:
        """The description, the labels, or both are what the request says."""
        changes = parse_repository_patch(await json_of(request), request.query_params)
        repository = self._repository(request, "repositories.update")
        resource = repository["resource"] | changes | {"updateTime": self._now()}
        self._repositories.collection.put(resource["name"], repository | {"resource": resource})
        return JSONResponse(resource)

    def _now(self) -> str:
        now = datetime.fromtimestamp(self._state.clock(), UTC).isoformat(timespec="microseconds")
        return now.replace("+00:00", "Z")

    async def delete(self, request: Request) -> Response:
        name = self._repository(request, "repositories.delete")["resource"]["name"]
        self._repositories.collection.delete(name)
        shutil.rmtree(self._repositories.folder_of(name), ignore_errors=True)
        return self.done(name, {"@type": "type.googleapis.com/google.protobuf.Empty"})

    def done(self, place: str, response: Document) -> Response:
        """A long-running operation that did not run long, and can be asked for again.

        `place`: a location, or anything in one.
        """
        parent = "/".join(place.split("/")[:4])
        document: Document = {
            "name": f"{parent}/operations/{secrets.token_hex(16)}",
            "metadata": {"@type": _TYPE + "OperationMetadata"},
            "done": True,
            "response": response,
        }
        self._operations.put(document["name"], document)
        return JSONResponse(document)

    async def get_iam_policy(self, request: Request) -> Response:
        return JSONResponse(self._repository(request, "repositories.getIamPolicy")["policy"])

    async def set_iam_policy(self, request: Request) -> Response:
        document = await json_of(request)
        repository = self._repository(request, "repositories.setIamPolicy")
        policy = replace_policy(repository["policy"], parse_policy_request(document))
        self._repositories.collection.put(repository["resource"]["name"], repository | {"policy": policy})
        return JSONResponse(policy)

    async def test_iam_permissions(self, request: Request) -> Response:
        asked = parse_permissions_request(await json_of(request))
        caller = require_caller(self._state, request)
        held = permissions_of(caller, self._named(request)[2])
        return JSONResponse(render_permissions(asked, held))


def _uri_of(name: str) -> str:
    """Where the images of the repository of that resource name are pushed to."""
    _, project, _, location, _, identifier = name.split("/")
    return f"{location}-docker.pkg.dev/{project}/{identifier}"


def _known_location(name: str) -> str:
    """The location of that name.

    Raises:
        GoogleError: 400. Not Google's words.
    """
    if name not in _LOCATIONS:
        raise GoogleError(400, f"The location `{name[:60]}` is none of Artifact Registry's.")
    return name


def _render_location(project_id: str, name: str) -> Document:
    return {"name": f"projects/{project_id}/locations/{name}", "locationId": name, "displayName": name}
