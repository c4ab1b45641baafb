"""serviceusage.googleapis.com: which APIs a project has enabled, as `gcloud services` asks.

What the emulator serves is enabled in every project, and cannot be disabled. Any other API can be enabled,
as tutorials do; it is remembered and listed, and its host still says that the emulator does not have it.
Absent: quotas, and the catalogue of APIs that are available.

Source: Service Usage API reference v1, `services` and `operations`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .access_tokens import require_caller
from .bodies import fields_of
from .errors import GoogleError, not_emulated
from .pages import page_of
from .projects import permitted_project
from .state import Document, State

_SERVICE = "serviceusage.googleapis.com"
_TYPE = "type.googleapis.com/google.api.serviceusage.v1."
_NAME = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_MOST_AT_ONCE = 20
_OF_OTHERS = ("checkIfServiceHasUsage", "disableDependentServices")
"""What is asked when a service is disabled on which others depend, which none does here."""
_FILTERS = ("", "state:ENABLED", "state:DISABLED")


def routes(state: State, served: Collection[str]) -> list[BaseRoute]:
    """`projects/P/services…`; `served` are the hosts that are enabled everywhere."""
    enabled = state.collection("serviceusage.services")
    operations = state.collection("serviceusage.operations")

    def project_for(request: Request, verb: str) -> Document:
        return permitted_project(
            state,
            request,
            f"serviceusage.services.{verb}",
            service=_SERVICE,
            method=f"services.{verb}",
        )

    def render(project: Document, name: str) -> Document:
        parent = f"projects/{project['projectNumber']}"
        key = f"{parent}/services/{name}"
        is_enabled = name in served or key in enabled
        return {
            "name": key,
            "parent": parent,
            "config": {"name": name, "title": name},
            "state": "ENABLED" if is_enabled else "DISABLED",
        }

    def done(response: Document) -> Response:
        name = f"operations/{secrets.token_hex(16)}"
        document = {"name": name, "done": True, "response": response}
        operations.put(name, document)
        return JSONResponse(document)

    def enable(project: Document, names: list[str]) -> list[Document]:
        for name in names:
            if name not in served:
                enabled.put(f"projects/{project['projectNumber']}/services/{name}", {"name": name})
        return [render(project, name) for name in names]

    async def enable_one(request: Request) -> Response:
        project, name = project_for(request, "enable"), _parse_name(request.path_params["service"])
        await fields_of(request)
        (service,) = enable(project, [name])
        return done({"@type": _TYPE + "EnableServiceResponse", "service": service})

    async def enable_many(request: Request) -> Response:
        project = project_for(request, "enable")
        names = (await fields_of(request, "serviceIds")).get("serviceIds")
        if not isinstance(names, list) or not 0 < len(names) <= _MOST_AT_ONCE:
            raise GoogleError(400, f"`service_ids` must name 1 to {_MOST_AT_ONCE} services.")
        services = enable(project, [_parse_name(name) for name in names])
        return done({"@type": _TYPE + "BatchEnableServicesResponse", "services": services})

    async def disable(request: Request) -> Response:
        project, name = project_for(request, "disable"), _parse_name(request.path_params["service"])
        await fields_of(request, *_OF_OTHERS)
        if name in served:
            raise not_emulated(f"the emulator cannot disable {name}, which it serves")
        key = f"projects/{project['projectNumber']}/services/{name}"
        if key in enabled:
            enabled.delete(key)
        return done({"@type": _TYPE + "DisableServiceResponse", "service": render(project, name)})

    async def get(request: Request) -> Response:
        project = project_for(request, "get")
        return JSONResponse(render(project, _parse_name(request.path_params["service"])))

    async def get_many(request: Request) -> Response:
        project = project_for(request, "get")
        names = [_parse_name(name.rpartition("/")[2]) for name in request.query_params.getlist("names")]
        return JSONResponse({"services": [render(project, name) for name in names]})

    async def list_all(request: Request) -> Response:
        project, wanted = project_for(request, "list"), request.query_params.get("filter", "")
        if wanted not in _FILTERS:
            raise not_emulated(f"the emulator does not have the filter `{wanted[:60]}`")
        parent = f"projects/{project['projectNumber']}/services/"
        names = {*served, *(each["name"] for key, each in enabled.items() if key.startswith(parent))}
        found = [(name, render(project, name)) for name in sorted(names)]
        page, more = page_of([] if wanted.endswith("DISABLED") else found, request.query_params)
        return JSONResponse({**({"services": page} if page else {}), **more})

    async def operation(request: Request) -> Response:
        require_caller(state, request)
        document = operations.get(f"operations/{request.path_params['operation']}")
        if document is None:
            raise GoogleError(404, "Requested entity was not found.")
        return JSONResponse(document)

    services = "/v1/projects/{project}/services"
    return [
        Route("/v1/operations/{operation}", operation),
        Route(services + ":batchEnable", enable_many, methods=["POST"]),
        Route(services + ":batchGet", get_many),
        Route(services, list_all),
        Route(services + "/{service}:enable", enable_one, methods=["POST"]),
        Route(services + "/{service}:disable", disable, methods=["POST"]),
        Route(services + "/{service}", get),
    ]


def _parse_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise GoogleError(400, f"`{str(name)[:60]}` is not the name of a service.")
    return name
