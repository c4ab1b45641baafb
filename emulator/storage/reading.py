"""Objects, one by one and in lists: metadata and bytes out, metadata in, and delete.

Source: Cloud Storage JSON API v1, `objects`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..bodies import json_of
from ..state import Document
from .calls import serving
from .core import Storage, generation_of, without_nulls
from .errors import invalid
from .fields import parse_object
from .listing import Question, page_of
from .media import render_media
from .objects import StoredObject
from .paging import parse_page_token, render_page_token
from .preconditions import parse_preconditions, whole_number

_MOST_RESULTS = 1000


def routes(storage: Storage) -> list[BaseRoute]:
    """`/storage/v1/b/BUCKET/o` and below, and the download address."""
    objects = _Objects(storage)
    place = "/storage/v1/b/{bucket}/o/{object:segment}"
    return [
        Route(path, serving(f"objects.{name}", endpoint), methods=[method])
        for method, path, name, endpoint in (
            ("GET", "/storage/v1/b/{bucket}/o", "list", objects.list_names),
            ("GET", place, "get", objects.get),
            ("GET", "/download" + place, "get", objects.get),
            ("PATCH", place, "patch", objects.patch),
            ("PUT", place, "update", objects.patch),
            ("DELETE", place, "delete", objects.delete),
        )
    ]


class _Objects:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def _object(self, request: Request, permission: str) -> StoredObject:
        """The object that the path names, where the caller may do so and the preconditions hold."""
        stored = self._storage.find(
            self._storage.caller_of(request),
            permission,
            request.path_params["bucket"],
            request.path_params["object"],
            generation=generation_of(request.query_params),
        )
        preconditions = parse_preconditions(request.query_params)
        preconditions.check(stored.generation, stored.metageneration, reading=request.method == "GET")
        return stored

    async def get(self, request: Request) -> Response:
        stored = self._object(request, "storage.objects.get")
        if request.query_params.get("alt") != "media":
            return JSONResponse(stored.render())
        return render_media(request, stored, self._storage.objects.path_of(stored))

    async def patch(self, request: Request) -> Response:
        document = await json_of(request)
        stored = self._object(request, "storage.objects.update")
        settable = parse_object(document)
        storage_class = stored.settable.get("storageClass", "STANDARD")
        if settable.setdefault("storageClass", storage_class) != storage_class:
            raise invalid("An object's storage class is changed by a rewrite, not by an update.")
        if request.method == "PATCH":
            metadata = settable.get("metadata", {})
            if metadata is not None:
                settable["metadata"] = stored.settable.get("metadata", {}) | metadata
            settable = stored.settable | settable
        return JSONResponse(self._storage.objects.update(stored, without_nulls(settable)).render())

    async def delete(self, request: Request) -> Response:
        stored = self._object(request, "storage.objects.delete")
        self._storage.remove(stored, generation=generation_of(request.query_params))
        return Response(status_code=204)

    async def list_names(self, request: Request) -> Response:
        query = request.query_params
        name = request.path_params["bucket"]
        caller = self._storage.caller_of(request)
        self._storage.authorize(caller, "storage.objects.list", self._storage.bucket(name))
        page = page_of(
            self._storage.objects,
            name,
            Question(
                prefix=query.get("prefix", ""),
                delimiter=query.get("delimiter", ""),
                start=query.get("startOffset", ""),
                end=query.get("endOffset", ""),
                after=parse_page_token(query.get("pageToken", "")),
                folders_are_objects_too=query.get("includeTrailingDelimiter", "").lower() == "true",
                versions=query.get("versions", "").lower() == "true",
                most=min(whole_number(query, "maxResults") or _MOST_RESULTS, _MOST_RESULTS),
            ),
        )
        document: Document = {"kind": "storage#objects"}
        if page.objects:
            document["items"] = [stored.render() for stored in page.objects]
        if page.prefixes:
            document["prefixes"] = page.prefixes
        if page.last:
            document["nextPageToken"] = render_page_token(page.last)
        return JSONResponse(document)
