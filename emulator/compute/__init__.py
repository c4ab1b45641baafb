"""compute.googleapis.com: instances that boot the Confidential Space image, and their operations.

An operation is done as soon as it is asked for again; the VM boots meanwhile. An instance says
under `symbolonEmulator`, which no real one has, how its workload is held and how it ended.
Absent: stopping, starting and changing an instance, disks, networks, and every other image.

Source: Compute Engine API reference v1, `instances`, `zoneOperations`; seen error answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import Caller, require_caller
from ..bodies import json_of
from ..errors import GoogleError, render_storage_error
from ..state import State
from .fleet import Fleet
from .instance_requests import parse_instance_request, parse_start
from .instances import Instances, Zone
from .rendering import ROOT

__all__ = ["Fleet", "routes"]


def routes(state: State, fleet: Fleet) -> list[BaseRoute]:
    """`/compute/v1/projects/…/zones/…/instances` and `…/operations`."""
    instances = Instances(state, fleet)

    def asked(request: Request) -> tuple[Caller, Zone]:
        caller, path = require_caller(state, request), request.path_params
        return caller, instances.zone(path["project"], path["zone"])

    async def insert(request: Request) -> Response:
        caller, zone = asked(request)
        wanted = parse_instance_request(await json_of(request), zone=zone.name)
        request_id = request.query_params.get("requestId", "")
        return JSONResponse(instances.insert(caller, zone, wanted, request_id=request_id))

    async def list_all(request: Request) -> Response:
        caller, zone = asked(request)
        items = instances.list_all(caller, zone)
        body: dict[str, Any] = {
            "kind": "compute#instanceList",
            "id": f"{zone.key}/instances",
            "selfLink": f"{ROOT}/{zone.key}/instances",
        }
        return JSONResponse({**body, "items": items} if items else body)

    async def get(request: Request) -> Response:
        return JSONResponse(instances.get(*asked(request), request.path_params["instance"]))

    async def delete(request: Request) -> Response:
        caller, zone = asked(request)
        name = request.path_params["instance"]
        return JSONResponse(await asyncio.to_thread(instances.delete, caller, zone, name))

    async def serial_port(request: Request) -> Response:
        caller, zone = asked(request)
        query, name = request.query_params, request.path_params["instance"]
        start, port = parse_start(query.get("start", "0")), query.get("port", "1")
        return JSONResponse(instances.serial_output(caller, zone, name, port=port, start=start))

    async def operation(request: Request) -> Response:
        return JSONResponse(instances.operation(*asked(request), request.path_params["operation"]))

    zone = "/compute/v1/projects/{project}/zones/{zone}"
    return [
        Route(zone + "/instances", _answering(insert), methods=["POST"]),
        Route(zone + "/instances", _answering(list_all), methods=["GET"]),
        Route(zone + "/instances/{instance}", _answering(get), methods=["GET"]),
        Route(zone + "/instances/{instance}", _answering(delete), methods=["DELETE"]),
        Route(zone + "/instances/{instance}/serialPort", _answering(serial_port), methods=["GET"]),
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
