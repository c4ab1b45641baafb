"""compute.googleapis.com: instances that boot the Confidential Space image, their operations, and
the zones, machine types and images that they are made of.

An operation is done as soon as it is asked for again; the VM boots meanwhile. An instance says
under `symbolonEmulator`, which no real one has, how its workload is held and how it ended.
Absent: disks and networks as resources, resets, suspending, and every other image.

Source: Compute Engine API reference v1, `instances`, `zoneOperations`; seen error answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import Caller, require_caller
from ..bodies import fields_of, json_of
from ..errors import GoogleError, render_storage_error
from ..state import State
from .catalogue_requests import catalogue_routes
from .fleet import Fleet
from .instance_requests import parse_start
from .instances import Instances, Zone
from .lists import render_aggregated, render_list

__all__ = ["Fleet", "routes"]


def routes(state: State, fleet: Fleet) -> list[BaseRoute]:
    """`/compute/v1/projects/…/zones/…/instances` and `…/operations`."""
    instances = Instances(state, fleet)

    def asked(request: Request) -> tuple[Caller, Zone]:
        caller, path = require_caller(state, request), request.path_params
        return caller, instances.zone(path["project"], path["zone"])

    def request_id_of(request: Request) -> str:
        return request.query_params.get("requestId", "")

    async def insert(request: Request) -> Response:
        caller, zone = asked(request)
        body, request_id = await json_of(request), request_id_of(request)
        return JSONResponse(instances.insert(caller, zone, body, request_id=request_id))

    async def list_all(request: Request) -> Response:
        caller, zone = asked(request)
        found = instances.list_all(caller, zone)
        return JSONResponse(render_list("instance", f"{zone.key}/instances", found, request.query_params))

    async def list_aggregated(request: Request) -> Response:
        caller, project = require_caller(state, request), request.path_params["project"]
        found = instances.list_in_project(caller, project)
        return JSONResponse(render_aggregated("instance", project, found, request.query_params))

    async def list_operations(request: Request) -> Response:
        caller, zone = asked(request)
        found = instances.operations(caller, zone)
        return JSONResponse(render_list("operation", f"{zone.key}/operations", found, request.query_params))

    async def switch(request: Request) -> Response:
        caller, zone = asked(request)
        name, request_id = request.path_params["instance"], request_id_of(request)
        method = instances.stop if request.url.path.endswith("/stop") else instances.start
        return JSONResponse(await asyncio.to_thread(method, caller, zone, name, request_id=request_id))

    async def set_metadata(request: Request) -> Response:
        caller, zone = asked(request)
        name, body = request.path_params["instance"], await fields_of(request, "fingerprint", "items", "kind")
        request_id = request_id_of(request)
        return JSONResponse(instances.set_metadata(caller, zone, name, body, request_id=request_id))

    async def set_labels(request: Request) -> Response:
        caller, zone = asked(request)
        name, body = request.path_params["instance"], await fields_of(request, "labelFingerprint", "labels")
        request_id = request_id_of(request)
        return JSONResponse(instances.set_labels(caller, zone, name, body, request_id=request_id))

    async def get(request: Request) -> Response:
        return JSONResponse(instances.get(*asked(request), request.path_params["instance"]))

    async def delete(request: Request) -> Response:
        caller, zone = asked(request)
        name, request_id = request.path_params["instance"], request_id_of(request)
        deleted = await asyncio.to_thread(instances.delete, caller, zone, name, request_id=request_id)
        return JSONResponse(deleted)

    async def serial_port(request: Request) -> Response:
        caller, zone = asked(request)
        query, name = request.query_params, request.path_params["instance"]
        start, port = parse_start(query.get("start", "0")), query.get("port", "1")
        return JSONResponse(instances.serial_output(caller, zone, name, port=port, start=start))

    async def operation(request: Request) -> Response:
        return JSONResponse(instances.operation(*asked(request), request.path_params["operation"]))

    project = "/compute/v1/projects/{project}"
    zone = project + "/zones/{zone}"
    return [
        Route(project + "/aggregated/instances", _answering(list_aggregated), methods=["GET"]),
        *(
            Route(path, _answering(endpoint), methods=["GET"])
            for path, endpoint in catalogue_routes(state).items()
        ),
        Route(zone + "/instances", _answering(insert), methods=["POST"]),
        Route(zone + "/instances", _answering(list_all), methods=["GET"]),
        Route(zone + "/instances/{instance}", _answering(get), methods=["GET"]),
        Route(zone + "/instances/{instance}", _answering(delete), methods=["DELETE"]),
        Route(zone + "/instances/{instance}/setLabels", _answering(set_labels), methods=["POST"]),
        Route(zone + "/instances/{instance}/setMetadata", _answering(set_metadata), methods=["POST"]),
        Route(zone + "/instances/{instance}/start", _answering(switch), methods=["POST"]),
        Route(zone + "/instances/{instance}/stop", _answering(switch), methods=["POST"]),
        Route(zone + "/instances/{instance}/serialPort", _answering(serial_port), methods=["GET"]),
        Route(zone + "/operations", _answering(list_operations), methods=["GET"]),
        Route(zone + "/operations/{operation}", _answering(operation), methods=["GET"]),
        Route(zone + "/operations/{operation}/wait", _answering(operation), methods=["POST"]),
    ]


def _answering(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Compute Engine has the older shape of errors."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except GoogleError as error:
            return render_storage_error(error)

    return answer
