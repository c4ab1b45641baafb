"""New objects from other objects: compose, copy, rewrite and move. Source: JSON API v1, `objects`."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import Caller
from ..bodies import fields_of, json_of
from ..errors import refuse_other_fields
from .calls import serving
from .core import Storage, check_object_name, generation_of, without_nulls
from .errors import invalid
from .fields import parse_object
from .objects import Content, StoredObject, measure
from .preconditions import parse_preconditions, whole_number

_MOST_COMPONENTS = 32


def routes(storage: Storage) -> list[BaseRoute]:
    """`…/o/OBJECT/compose`, `…/copyTo/…`, `…/rewriteTo/…` and `…/moveTo/…`."""
    making = _Making(storage)
    place = "/storage/v1/b/{bucket}/o/{object:segment}"
    return [
        Route(place + "/compose", serving("objects.compose", making.compose), methods=["POST"]),
        *(
            Route(f"{place}/{verb}/{target}", serving(name, endpoint), methods=["POST"])
            for verb, target, name, endpoint in (
                ("copyTo", "b/{to_bucket}/o/{to_object:segment}", "objects.copy", making.copy),
                ("rewriteTo", "b/{to_bucket}/o/{to_object:segment}", "objects.rewrite", making.rewrite),
                ("moveTo", "o/{to_object:segment}", "objects.move", making.move),
            )
        ),
    ]


class _Making:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def compose(self, request: Request) -> Response:
        document = await fields_of(request, "destination", "kind", "sourceObjects")
        caller = self._storage.caller_of(request)
        bucket, name = request.path_params["bucket"], check_object_name(request.path_params["object"])
        self._storage.authorize(caller, "storage.objects.create", self._storage.bucket(bucket), name)
        sources = self._sources(caller, bucket, document.get("sourceObjects"))
        settable = without_nulls(parse_object(document.get("destination") or {}))
        with self._storage.objects.draft() as draft:
            paths = [self._storage.objects.path_of(source) for source in sources]
            await asyncio.to_thread(_concatenate, paths, draft)
            stored = self._storage.create(
                caller,
                bucket,
                name,
                await asyncio.to_thread(measure, draft),
                settable,
                preconditions=parse_preconditions(request.query_params),
                components=sum(source.components or 1 for source in sources),
            )
        return JSONResponse(stored.render())

    def _sources(self, caller: Caller | None, bucket: str, sources: object) -> list[StoredObject]:
        if not isinstance(sources, list) or not 1 <= len(sources) <= _MOST_COMPONENTS:
            raise invalid("The number of source components provided is not between 1 and 32.")
        found = []
        for source in sources:
            source = source if isinstance(source, dict) else {}
            refuse_other_fields(source, ("generation", "name", "objectPreconditions"), "sourceObjects")
            texts = {key: str(value) for key, value in without_nulls(source).items() if key == "generation"}
            stored = self._storage.find(
                caller,
                "storage.objects.get",
                bucket,
                check_object_name(source.get("name")),
                generation=generation_of(texts),
            )
            conditions = source.get("objectPreconditions") or {}
            parse_preconditions({key: str(value) for key, value in conditions.items()}).check(
                stored.generation, stored.metageneration
            )
            found.append(stored)
        return found

    async def copy(self, request: Request) -> Response:
        return JSONResponse((await self._copied(request)).render())

    async def rewrite(self, request: Request) -> Response:
        """Done in one go, whatever the size, so that there is never a `rewriteToken`."""
        stored = await self._copied(request)
        return JSONResponse(
            {
                "kind": "storage#rewriteResponse",
                "totalBytesRewritten": str(stored.size),
                "objectSize": str(stored.size),
                "done": True,
                "resource": stored.render(),
            }
        )

    async def move(self, request: Request) -> Response:
        """The object has another name in its bucket, and the old name is nobody's."""
        caller, path = self._storage.caller_of(request), request.path_params
        bucket = self._storage.bucket(path["bucket"])
        self._storage.authorize(caller, "storage.objects.delete", bucket, path["object"])
        path["to_bucket"] = path["bucket"]
        if path["to_object"] == path["object"]:
            raise invalid("The source and destination object names must be different.")
        source = self._storage.find(caller, "storage.objects.get", path["bucket"], path["object"])
        stored = await self._copied(request)
        self._storage.remove(source, generation=None)
        return JSONResponse(stored.render())

    async def _copied(self, request: Request) -> StoredObject:
        """The destination; its fields are the source's, unless the request brings its own."""
        document = await json_of(request)
        query, path = request.query_params, request.path_params
        caller = self._storage.caller_of(request)
        source = self._storage.find(
            caller,
            "storage.objects.get",
            path["bucket"],
            path["object"],
            generation=whole_number(query, "sourceGeneration"),
        )
        parse_preconditions(query, prefix="ifSource").check(source.generation, source.metageneration)
        to_bucket, to_name = path["to_bucket"], check_object_name(path["to_object"])
        self._storage.authorize(caller, "storage.objects.create", self._storage.bucket(to_bucket), to_name)
        kept = {key: value for key, value in source.settable.items() if key != "storageClass"}
        with self._storage.objects.draft() as draft:
            draft.unlink()  # an object's bytes never change, so two objects may be one file
            draft.hardlink_to(self._storage.objects.path_of(source))
            return self._storage.create(
                caller,
                to_bucket,
                to_name,
                Content(path=draft, size=source.size, crc32c=source.crc32c, md5=source.md5),
                without_nulls(parse_object(document)) or kept,
                preconditions=parse_preconditions(query),
            )


def _concatenate(sources: list[Path], target: Path) -> None:
    with target.open("wb") as whole:
        for source in sources:
            with source.open("rb") as part:
                shutil.copyfileobj(part, whole)
