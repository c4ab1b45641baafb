"""iam.googleapis.com: workload identity pools and their OIDC providers.

Both are deleted softly: for 30 days the ID stays taken, the resource is still found, in state
`DELETED`, and can be undeleted. Every change is a long-running operation, done as soon as it is
asked for. Absent: AWS, SAML and X.509 providers, keys, managed workload identities.

Source: IAM API reference v1, `projects.locations.workloadIdentityPools`; seen error answers.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import require_caller
from ..bodies import fields_of, json_of
from ..errors import GoogleError
from ..pages import page_of
from ..state import Document, State
from .authorization import project_of, require_permission
from .pool_requests import parse_pool, parse_provider_body, require_valid_id

_SERVICE = "iam.googleapis.com"
_POOLS = "iam.workloadIdentityPools"
_PROVIDERS = "iam.workloadIdentityPoolProviders"
_OPERATIONS = "iam.operations"
_KEPT = timedelta(days=30)
_EXISTS = "Requested entity already exists"
_NOT_FOUND = "Requested entity was not found."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Pools or providers: they differ only in this."""

    collection: str
    """Also the prefix of its permissions."""
    type_name: str
    path_part: str
    id_parameter: str
    parse: Callable[[Mapping[str, Any], str], Document]

    @property
    def plural(self) -> str:
        """What the answer of a list calls them."""
        return self.collection.removeprefix("iam.")


_POOL = _Kind(
    collection=_POOLS,
    type_name="WorkloadIdentityPool",
    path_part="pool",
    id_parameter="workloadIdentityPoolId",
    parse=parse_pool,
)
_PROVIDER = _Kind(
    collection=_PROVIDERS,
    type_name="WorkloadIdentityPoolProvider",
    path_part="provider",
    id_parameter="workloadIdentityPoolProviderId",
    parse=parse_provider_body,
)


def find_active_provider(state: State, name: str) -> Document | None:
    """The provider of that resource name, where it and its pool are neither deleted nor disabled."""
    provider = state.collection(_PROVIDERS).get(name)
    pool = state.collection(_POOLS).get(name.partition("/providers/")[0])
    for resource in (provider, pool):
        if resource is None or resource["state"] != "ACTIVE" or resource.get("disabled"):
            return None
    return provider


def routes(state: State) -> list[BaseRoute]:
    """Both collections, and the operations that change them."""

    async def operation(request: Request) -> Response:
        caller, name = require_caller(state, request), request.url.path.removeprefix("/v1/")
        project = project_of(state, request.path_params["project"])
        name = name.replace(f"projects/{project['projectId']}/", f"projects/{project['projectNumber']}/", 1)
        document = state.collection(_OPERATIONS).get(name)
        if document is None:
            raise GoogleError(404, _NOT_FOUND)
        require_permission(
            state,
            caller,
            f"{_POOLS}.get",
            service=_SERVICE,
            method="operations.get",
            resource=name,
            policies=[project["policy"]],
        )
        return JSONResponse(document)

    pools = "/v1/projects/{project}/locations/{location}/workloadIdentityPools"
    providers = pools + "/{pool}/providers"
    return [
        Route(pools + "/{pool}/operations/{operation}", operation),
        Route(providers + "/{provider}/operations/{operation}", operation),
        *_Resources(state, _POOL).routes(pools),
        *_Resources(state, _PROVIDER).routes(providers),
    ]


class _Resources:
    """The REST methods of one kind of resource."""

    def __init__(self, state: State, kind: _Kind) -> None:
        self._state = state
        self._kind = kind
        self._documents = state.collection(kind.collection)

    def routes(self, path: str) -> list[BaseRoute]:
        one = f"{path}/{{{self._kind.path_part}}}"
        methods: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("POST", path, self.create),
            ("GET", path, self.list_all),
            ("POST", f"{one}:undelete", self.undelete),
            ("GET", one, self.get),
            ("PATCH", one, self.patch),
            ("DELETE", one, self.delete),
        ]
        return [Route(route, endpoint, methods=[method]) for method, route, endpoint in methods]

    async def create(self, request: Request) -> Response:
        parent = self._require(request, "create")
        resource_id = request.query_params.get(self._kind.id_parameter, "")
        require_valid_id(resource_id, self._kind.id_parameter)
        name = f"{parent}/{resource_id}"
        if self._kind is _PROVIDER and self._pool(name) is None:
            raise GoogleError(404, _NOT_FOUND)
        if self._current(name) is not None:
            raise GoogleError(409, _EXISTS)
        document = self._kind.parse(await json_of(request), name)
        return self._changed({**document, "name": name, "state": "ACTIVE"})

    async def list_all(self, request: Request) -> Response:
        parent = self._require(request, "list") + "/"
        hidden = () if request.query_params.get("showDeleted") == "true" else ("DELETED",)
        names = [name for name, _ in self._documents.items() if name.rpartition("/")[0] + "/" == parent]
        found = [item for name in names if (item := self._current(name)) and item["state"] not in hidden]
        page, more = page_of([(item["name"], item) for item in found], request.query_params)
        return JSONResponse({**({self._kind.plural: page} if page else {}), **more})

    async def get(self, request: Request) -> Response:
        return JSONResponse(self._found(request, "get"))

    async def patch(self, request: Request) -> Response:
        current = self._found(request, "update")
        if current["state"] == "DELETED":
            raise GoogleError(
                400, "The resource is deleted; undelete it first.", status="FAILED_PRECONDITION"
            )
        changes = await json_of(request)
        mask = request.query_params.get("updateMask") or ",".join(changes)
        document = _merge(current, changes, mask)
        parsed = self._kind.parse(document, current["name"])
        return self._changed({**parsed, "name": current["name"], "state": "ACTIVE"})

    async def delete(self, request: Request) -> Response:
        current = self._found(request, "delete")
        if current["state"] == "DELETED":
            raise GoogleError(404, _NOT_FOUND)
        expires = datetime.fromtimestamp(int(self._state.clock()), UTC) + _KEPT
        return self._changed(
            {**current, "state": "DELETED", "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
        )

    async def undelete(self, request: Request) -> Response:
        current = self._found(request, "undelete")
        if current["state"] != "DELETED":
            raise GoogleError(400, "The resource is not deleted.", status="FAILED_PRECONDITION")
        await fields_of(request)
        return self._changed(
            {key: value for key, value in current.items() if key != "expireTime"} | {"state": "ACTIVE"}
        )

    def _require(self, request: Request, verb: str) -> str:
        """The caller may do it in the project; the name of the collection that the path names."""
        caller = require_caller(self._state, request)
        project = project_of(self._state, request.path_params["project"])
        if request.path_params["location"] != "global":
            raise GoogleError(400, "Request contains an invalid argument: the location must be `global`.")
        parent = f"projects/{project['projectNumber']}/locations/global/workloadIdentityPools"
        if self._kind is _PROVIDER:
            parent += f"/{request.path_params['pool']}/providers"
        require_permission(
            self._state,
            caller,
            f"{self._kind.collection}.{verb}",
            service=_SERVICE,
            method=f"{self._kind.type_name}.{verb}",
            resource=parent,
            policies=[project["policy"]],
        )
        return parent

    def _found(self, request: Request, verb: str) -> Document:
        parent = self._require(request, verb)
        document = self._current(f"{parent}/{request.path_params[self._kind.path_part]}")
        if document is None:
            raise GoogleError(404, _NOT_FOUND)
        return document

    def _current(self, name: str) -> Document | None:
        """The resource, unless its 30 days are over."""
        document = self._documents.get(name)
        if document is not None and "expireTime" in document:
            expires = datetime.fromisoformat(document["expireTime"])
            if expires.timestamp() <= self._state.clock():
                self._documents.delete(name)
                return None
        return document

    def _pool(self, provider_name: str) -> Document | None:
        pool = self._state.collection(_POOLS).get(provider_name.partition("/providers/")[0])
        return pool if pool is not None and pool["state"] == "ACTIVE" else None

    def _changed(self, document: Document) -> Response:
        """The document is stored; the answer is an operation that says so when asked again."""
        self._documents.put(document["name"], document)
        name = f"{document['name']}/operations/{secrets.token_hex(16)}"
        type_url = "type.googleapis.com/google.iam.v1"
        metadata = {"@type": f"{type_url}.{self._kind.type_name}OperationMetadata"}
        done: Document = {
            "name": name,
            "metadata": metadata,
            "done": True,
            "response": {"@type": f"{type_url}.{self._kind.type_name}", **document},
        }
        self._state.collection(_OPERATIONS).put(name, done)
        return JSONResponse({"name": name, "metadata": metadata})


def _merge(current: Document, changes: Document, mask: str) -> Document:
    """`current` with the masked fields of `changes`; a masked field that `changes` lacks is cleared.

    Raises:
        GoogleError: 400 where the mask names what cannot be changed.
    """
    merged = {key: value for key, value in current.items() if key not in ("name", "state", "expireTime")}
    for path in filter(None, mask.split(",")):
        field, _, inner = _camel_case(path).partition(".")
        if field in ("name", "state", "expireTime"):
            raise GoogleError(400, f"Invalid update mask: {path}.")
        if inner and field == "oidc":
            merged["oidc"] = _merge(merged.get("oidc") or {}, changes.get("oidc") or {}, inner)
        elif field in changes:
            merged[field] = changes[field]
        else:
            merged.pop(field, None)
    return merged


def _camel_case(path: str) -> str:
    first, *rest = path.split("_")
    return first + "".join(word.capitalize() for word in rest)
