"""What a machine can be made of, read by whoever may read the project; the images are anybody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..access_tokens import require_caller
from ..errors import GoogleError
from ..iam.authorization import permissions_of, project_of
from ..places import REGIONS, ZONES
from ..state import Document, State
from .catalogue import (
    FAMILIES,
    IMAGE_PROJECT,
    MACHINE_TYPES,
    render_image,
    render_machine_type,
    render_region,
    render_zone,
)
from .lists import render_aggregated, render_list

_Endpoint = Callable[[Request], Awaitable[Response]]


def catalogue_routes(state: State) -> dict[str, _Endpoint]:
    """Path → endpoint of a `GET`."""

    def project_for(request: Request, permission: str) -> str:
        """The ID of the project that the path names, where the caller may read that of it.

        Raises:
            GoogleError: 401, 403.
        """
        caller = require_caller(state, request)
        project = project_of(state, request.path_params["project"])
        if permission not in permissions_of(caller, [project["policy"]]):
            key = f"projects/{project['projectId']}"
            raise GoogleError(403, f"Required '{permission}' permission for '{key}'", reason="forbidden")
        return str(project["projectId"])

    def zone_for(request: Request) -> str:
        """The zone that the path names.

        Raises:
            GoogleError: 404.
        """
        path = request.path_params
        if path["zone"] not in ZONES:
            raise _not_found(f"projects/{path['project']}/zones/{path['zone'][:60]}")
        return str(path["zone"])

    async def list_zones(request: Request) -> Response:
        project = project_for(request, "compute.zones.list")
        found = [(name, render_zone(project, name)) for name in sorted(ZONES)]
        return JSONResponse(render_list("zone", f"projects/{project}/zones", found, request.query_params))

    async def get_zone(request: Request) -> Response:
        return JSONResponse(render_zone(project_for(request, "compute.zones.get"), zone_for(request)))

    async def get_region(request: Request) -> Response:
        project, name = project_for(request, "compute.regions.get"), request.path_params["region"]
        if name not in REGIONS:
            raise _not_found(f"projects/{project}/regions/{name[:60]}")
        return JSONResponse(render_region(project, name))

    async def list_machine_types(request: Request) -> Response:
        project, zone = project_for(request, "compute.machineTypes.list"), zone_for(request)
        found = [(name, render_machine_type(project, zone, name)) for name in sorted(MACHINE_TYPES)]
        name = f"projects/{project}/zones/{zone}/machineTypes"
        return JSONResponse(render_list("machineType", name, found, request.query_params))

    async def list_all_machine_types(request: Request) -> Response:
        project = project_for(request, "compute.machineTypes.list")
        found = [
            (f"{zone}/{name}", render_machine_type(project, zone, name) | {"zone": zone})
            for zone in sorted(ZONES)
            for name in sorted(MACHINE_TYPES)
        ]
        return JSONResponse(render_aggregated("machineType", project, found, request.query_params))

    async def get_machine_type(request: Request) -> Response:
        project, zone = project_for(request, "compute.machineTypes.get"), zone_for(request)
        name = request.path_params["machine_type"]
        if name not in MACHINE_TYPES:
            raise _not_found(f"projects/{project}/zones/{zone}/machineTypes/{name[:60]}")
        return JSONResponse(render_machine_type(project, zone, name))

    def images_for(request: Request) -> list[tuple[str, Document]]:
        """The images of the project that the path names: of Confidential Space's alone there are any."""
        require_caller(state, request)
        if request.path_params["project"] == IMAGE_PROJECT:
            return [(image["name"], image) for image in map(render_image, FAMILIES)]
        project_for(request, "compute.images.list")
        return []

    async def list_images(request: Request) -> Response:
        name = f"projects/{request.path_params['project']}/global/images"
        return JSONResponse(render_list("image", name, images_for(request), request.query_params))

    async def get_image(request: Request) -> Response:
        return _one_image(request, "name", request.path_params["image"])

    async def get_image_from_family(request: Request) -> Response:
        return _one_image(request, "family", request.path_params["family"])

    def _one_image(request: Request, field: str, wanted: str) -> Response:
        for _, image in images_for(request):
            if image[field] == wanted:
                return JSONResponse(image)
        part = "family/" if field == "family" else ""
        raise _not_found(f"projects/{request.path_params['project']}/global/images/{part}{wanted[:60]}")

    project = "/compute/v1/projects/{project}"
    return {
        project + "/regions/{region}": get_region,
        project + "/zones": list_zones,
        project + "/zones/{zone}": get_zone,
        project + "/zones/{zone}/machineTypes": list_machine_types,
        project + "/zones/{zone}/machineTypes/{machine_type}": get_machine_type,
        project + "/aggregated/machineTypes": list_all_machine_types,
        project + "/global/images": list_images,
        project + "/global/images/family/{family}": get_image_from_family,
        project + "/global/images/{image}": get_image,
    }


def _not_found(name: str) -> GoogleError:
    return GoogleError(404, f"The resource '{name}' was not found", reason="notFound")
