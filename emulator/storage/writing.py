"""New objects from other objects: compose, copy and rewrite. Source: JSON API v1, `objects`."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import Caller
from ..bodies import json_of
from .core import Storage, check_object_name, generation_of, settable_of, without_nulls
from .errors import invalid
from .objects import StoredObject, measure
from .preconditions import parse_preconditions, whole_number

_MOST_COMPONENTS = 32


def routes(storage: Storage) -> list[BaseRoute]:
    """`…/o/OBJECT/compose`, `…/copyTo/…` and `…/rewriteTo/…`."""
    making = _Making(storage)
    place = "/storage/v1/b/{bucket}/o/{object:segment}"
    return [
        Route(place + "/compose", making.compose, methods=["POST"]),
        Route(place + "/copyTo/b/{to_bucket}/o/{to_object:segment}", making.copy, methods=["POST"]),
        Route(place + "/rewriteTo/b/{to_bucket}/o/{to_object:segment}", making.rewrite, methods=["POST"]),
    ]


class _Making:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def compose(self, request: Request) -> Response:
        document = await json_of(request)
        caller = self._storage.caller_of(request)
        bucket, name = request.path_params["bucket"], check_object_name(request.path_params["object"])
        self._storage.authorize(caller, "storage.objects.create", self._storage.bucket(bucket), name)
        sources = self._sources(caller, bucket, document.get("sourceObjects"))
        settable = without_nulls(settable_of(document.get("destination") or {}))
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
        with self._storage.objects.draft() as draft:
            await asyncio.to_thread(shutil.copyfile, self._storage.objects.path_of(source), draft)
            return self._storage.create(
                caller,
                to_bucket,
                to_name,
                await asyncio.to_thread(measure, draft),
                without_nulls(settable_of(document)) or source.settable,
                preconditions=parse_preconditions(query),
            )


def _concatenate(sources: list[Path], target: Path) -> None:
    with target.open("wb") as whole:
        for source in sources:
            with source.open("rb") as part:
                shutil.copyfileobj(part, whole)
