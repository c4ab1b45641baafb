"""Objects, one by one and in lists: metadata and bytes out, metadata in, and delete.

Source: Cloud Storage JSON API v1, `objects`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..bodies import json_of
from ..state import Document
from .core import Storage, generation_of, settable_of, without_nulls
from .errors import absent, invalid, range_not_satisfiable
from .objects import StoredObject
from .preconditions import parse_preconditions, whole_number

_BLOCK = 512 * 1024
_MOST_RESULTS = 1000
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def routes(storage: Storage) -> list[BaseRoute]:
    """`/storage/v1/b/BUCKET/o` and below, and the download address."""
    objects = _Objects(storage)
    place = "/storage/v1/b/{bucket}/o/{object:segment}"
    return [
        Route("/storage/v1/b/{bucket}/o", objects.list_names),
        Route(place, objects.get),
        Route("/download" + place, objects.get),
        Route(place, objects.patch, methods=["PATCH", "PUT"]),
        Route(place, objects.delete, methods=["DELETE"]),
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
        return _render_media(stored, self._storage.objects.path_of(stored), request.headers.get("range", ""))

    async def patch(self, request: Request) -> Response:
        document = await json_of(request)
        stored = self._object(request, "storage.objects.update")
        settable = settable_of(document)
        if request.method == "PATCH":
            metadata = settable.get("metadata", {})
            if metadata is not None:
                settable["metadata"] = stored.settable.get("metadata", {}) | metadata
            settable = stored.settable | settable
        return JSONResponse(self._storage.objects.update(stored, without_nulls(settable)).render())

    async def delete(self, request: Request) -> Response:
        self._storage.objects.delete(self._object(request, "storage.objects.delete"))
        return Response(status_code=204)

    async def list_names(self, request: Request) -> Response:
        query = request.query_params
        name = request.path_params["bucket"]
        caller = self._storage.caller_of(request)
        self._storage.authorize(caller, "storage.objects.list", self._storage.bucket(name))
        for parameter in ("matchGlob", "softDeleted", "includeTrailingDelimiter"):
            if query.get(parameter, "false") != "false":
                raise absent(f"the list parameter `{parameter}`")
        items, prefixes, token = self._page(
            name,
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            start=query.get("startOffset", ""),
            end=query.get("endOffset", ""),
            after=_parse_page_token(query.get("pageToken", "")),
            most=min(whole_number(query, "maxResults") or _MOST_RESULTS, _MOST_RESULTS),
        )
        document: Document = {"kind": "storage#objects"}
        document |= {"items": items} if items else {}
        document |= {"prefixes": prefixes} if prefixes else {}
        document |= {"nextPageToken": base64.urlsafe_b64encode(token.encode()).decode()} if token else {}
        return JSONResponse(document)

    def _page(
        self, bucket: str, *, prefix: str, delimiter: str, start: str, end: str, after: str, most: int
    ) -> tuple[list[Document], list[str], str]:
        """Items, prefixes, and where the next page starts after (`""`: there is none).

        With a delimiter, names that share the text up to it after `prefix` are one prefix.
        """
        items: list[Document] = []
        prefixes: list[str] = []
        last = ""
        for stored in self._storage.objects.starting_at(bucket, max(prefix, start, after, key=str.encode)):
            name = stored.name
            if not name.startswith(prefix) or (end and name.encode() >= end.encode()):
                break
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            entry = name if cut < 0 else name[: cut + len(delimiter)]
            if entry.encode() <= after.encode() or entry == last:
                continue
            if len(items) + len(prefixes) == most:
                return items, prefixes, last
            if cut < 0:
                items.append(stored.render())
            else:
                prefixes.append(entry)
            last = entry
        return items, prefixes, ""


def _parse_page_token(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text).decode()
    except ValueError:
        raise invalid(f"Invalid pageToken: {text[:80]}") from None


def _render_media(stored: StoredObject, path: Path, requested: str) -> Response:
    """The object's bytes, which are the file `path`, or the range of them that was asked for, streamed."""
    headers = {
        "accept-ranges": "bytes",
        "cache-control": stored.settable.get("cacheControl", "private, max-age=0"),
        "content-type": stored.settable.get("contentType", "application/octet-stream"),
        "etag": f'"{stored.etag}"',
        "x-goog-generation": str(stored.generation),
        "x-goog-hash": f"crc32c={stored.crc32c}" + ("" if stored.components else f",md5={stored.md5}"),
        "x-goog-metageneration": str(stored.metageneration),
        "x-goog-storage-class": "STANDARD",
        "x-goog-stored-content-encoding": stored.settable.get("contentEncoding", "identity"),
        "x-goog-stored-content-length": str(stored.size),
    }
    for header, field in (
        ("content-disposition", "contentDisposition"),
        ("content-encoding", "contentEncoding"),
        ("content-language", "contentLanguage"),
    ):
        if field in stored.settable:
            headers[header] = stored.settable[field]
    status, first, length = 200, 0, stored.size
    match = _RANGE.fullmatch(requested)
    if match and requested != "bytes=-":
        first, length = _parse_range(match, stored.size)
        status = 206
        headers["content-range"] = f"bytes {first}-{first + length - 1}/{stored.size}"
    if length <= _BLOCK:  # most pictures: one answer costs the server half of what a stream does
        with path.open("rb", buffering=0) as file:
            file.seek(first)
            return Response(file.read(length), status, headers)
    headers["content-length"] = str(length)
    # Opened here and now: the object may be deleted while its bytes are on their way.
    file = path.open("rb", buffering=0)
    return StreamingResponse(_blocks(file, first, length), status, headers)


def _parse_range(match: re.Match[str], size: int) -> tuple[int, int]:
    """First byte and length; the last so many bytes for `bytes=-N`.

    Raises:
        GoogleError: 416.
    """
    first = int(match[1]) if match[1] else max(0, size - int(match[2]))
    last = int(match[2]) if match[1] and match[2] else size - 1
    if first >= size or last < first:
        raise range_not_satisfiable(size)
    return first, min(last, size - 1) - first + 1


async def _blocks(file: FileIO, first: int, length: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(first)
        while length > 0 and (block := file.read(min(_BLOCK, length))):
            length -= len(block)
            yield block
