"""Locations, and the key rings in them. A ring is there for good.

Locations are `global`, Google's regions and the large multi-regions; those of a few regions are absent.

Source: Cloud KMS API reference v1, `projects.locations` and `projects.locations.keyRings`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..bodies import json_of
from ..errors import refuse_other_fields
from ..iam.authorization import empty_policy
from ..pages import page_of
from ..state import Document
from .access import LOCATIONS, Access, Asked
from .errors import already_exists
from .key_requests import parse_id
from .keys import render_time
from .store import KeyStore

_LOCATIONS = "/v1/projects/{project}/locations"
_LOCATION = _LOCATIONS + "/{location}"
_LIST_LOCATIONS = Asked(permission="locations.list", method="ListLocations")
_GET_LOCATION = Asked(permission="locations.get", method="GetLocation")
_CREATE = Asked(permission="keyRings.create", method="CreateKeyRing")
_LIST = Asked(permission="keyRings.list", method="ListKeyRings")
_GET = Asked(permission="keyRings.get", method="GetKeyRing")


def routes(access: Access, store: KeyStore) -> list[BaseRoute]:
    """`projects/P/locations…` and `…/keyRings…`."""

    async def list_locations(request: Request) -> Response:
        project = access.project(request, _LIST_LOCATIONS)
        found = [(name, _render_location(f"{project}/locations/{name}")) for name in LOCATIONS]
        page, more = page_of(found, request.query_params)
        return JSONResponse({"locations": page, **more})

    async def get_location(request: Request) -> Response:
        return JSONResponse(_render_location(access.location(request, _GET_LOCATION)))

    async def create(request: Request) -> Response:
        body = await json_of(request)
        parent = access.location(request, _CREATE)
        name = f"{parent}/keyRings/{parse_id(request.query_params, 'keyRingId')}"
        refuse_other_fields(body, ("createTime", "name"), "key rings")
        if store.ring(name) is not None:
            raise already_exists("KeyRing", name)
        ring: Document = {
            "resource": {"name": name, "createTime": render_time(store.now())},
            "policy": empty_policy(),
        }
        store.put_ring(name, ring)
        return JSONResponse(ring["resource"])

    async def list_all(request: Request) -> Response:
        parent = access.location(request, _LIST)
        found = [(name, ring["resource"]) for name, ring in store.rings_in(parent)]
        page, more = page_of(found, request.query_params)
        return JSONResponse({"keyRings": page, "totalSize": len(found), **more} if found else {})

    async def get(request: Request) -> Response:
        _, ring = access.ring(request, _GET)
        return JSONResponse(ring["resource"])

    return [
        Route(_LOCATIONS, list_locations),
        Route(_LOCATION, get_location),
        Route(_LOCATION + "/keyRings", create, methods=["POST"]),
        Route(_LOCATION + "/keyRings", list_all),
        Route(_LOCATION + "/keyRings/{ring}", get),
    ]


def _render_location(name: str) -> Document:
    """A location as it is listed: it has no HSM here, and reaches no external key."""
    identifier = name.rpartition("/")[2]
    metadata = {"@type": "type.googleapis.com/google.cloud.kms.v1.LocationMetadata"}
    return {"name": name, "locationId": identifier, "displayName": identifier, "metadata": metadata}
