"""The XML API's multipart upload, which `transfer_manager.upload_chunks_concurrently` speaks.

A part is a file in the upload's folder. Absent: listing uploads and parts.

Source: Cloud Storage documentation, "XML API multipart uploads".
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from ..errors import GoogleError
from ..state import write_atomically
from .core import Storage, check_object_name
from .errors import invalid
from .objects import Content, measure
from .preconditions import parse_preconditions
from .uploads import append, check_sums
from .xml_objects import fields_of

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_MOST_PARTS = 10_000
_MOST_XML = 4 << 20


def routes(storage: Storage, folder: Path) -> list[BaseRoute]:
    """`POST ?uploads`, `PUT ?partNumber&uploadId`, `POST ?uploadId`, `DELETE ?uploadId`."""
    uploads = _MultipartUploads(storage, folder)
    place = "/{bucket}/{object:rest}"
    return [
        Route(place, uploads.post, methods=["POST"]),
        _OfAnUpload(place, uploads.put, methods=["PUT"]),
        _OfAnUpload(place, uploads.abort, methods=["DELETE"]),
    ]


class _OfAnUpload(Route):
    """A route for those requests that name an upload; the others are about the object itself."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if b"uploadId=" not in scope["query_string"]:
            return Match.NONE, {}
        return super().matches(scope)


class _MultipartUploads:
    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._folder = folder

    async def post(self, request: Request) -> Response:
        if "uploads" in request.query_params:
            return self._begin(request)
        return await self._complete(request)

    def _begin(self, request: Request) -> Response:
        bucket, name = self._authorize(request)
        upload = secrets.token_hex(16)
        document = json.dumps({"bucket": bucket, "name": name, "settable": fields_of(request)})
        write_atomically(self._folder / upload / "upload.json", document.encode())
        return _render(
            "InitiateMultipartUploadResult",
            f"<Bucket>{bucket}</Bucket><Key>{escape(name)}</Key><UploadId>{upload}</UploadId>",
        )

    async def put(self, request: Request) -> Response:
        folder = self._upload(request)
        number = request.query_params.get("partNumber", "")
        if not number.isdigit() or not 1 <= int(number) <= _MOST_PARTS:
            raise invalid(f"Invalid part number: {number[:20]}")
        with self._storage.objects.draft() as draft:
            await append(draft, request.stream())
            content = await asyncio.to_thread(measure, draft)
            check_sums(content, {}, request.headers)
            draft.replace(folder / f"{int(number)}.part")
        return Response(headers={"etag": f'"{content.md5}"', **_sums(content)})

    async def _complete(self, request: Request) -> Response:
        folder = self._upload(request)
        bucket, name = self._authorize(request)
        parts = await asyncio.to_thread(self._checked_parts, folder, await _listed_parts(request))
        settable = json.loads((folder / "upload.json").read_bytes())["settable"]
        with self._storage.objects.draft() as draft:
            await asyncio.to_thread(_concatenate, parts, draft)
            content = await asyncio.to_thread(measure, draft)
            stored = self._storage.create(
                self._storage.caller_of(request),
                bucket,
                name,
                content,
                settable,
                preconditions=parse_preconditions({}),
                components=len(parts),
            )
        shutil.rmtree(folder)
        result = f'<Bucket>{bucket}</Bucket><Key>{escape(name)}</Key><ETag>"{stored.etag}"</ETag>'
        return _render("CompleteMultipartUploadResult", result, {"x-goog-hash": f"crc32c={content.crc32c}"})

    def _checked_parts(self, folder: Path, listed: list[tuple[int, str]]) -> list[Path]:
        """The listed parts' files, in order of their numbers.

        Raises:
            GoogleError: 400 where one did not come, or is not what the client thinks it is.
        """
        paths = []
        for number, etag in sorted(listed):
            path = folder / f"{number}.part"
            if not path.exists() or measure(path).md5 != etag.strip('"'):
                raise GoogleError(
                    400, f"Part {number} is missing, or has another ETag.", reason="InvalidPart"
                )
            paths.append(path)
        return paths

    async def abort(self, request: Request) -> Response:
        folder = self._upload(request)
        self._authorize(request)
        shutil.rmtree(folder)
        return Response(status_code=204)

    def _authorize(self, request: Request) -> tuple[str, str]:
        """Bucket and object name of the path, where the caller may create that object."""
        bucket, name = request.path_params["bucket"], check_object_name(request.path_params["object"])
        caller = self._storage.caller_of(request)
        self._storage.authorize(caller, "storage.objects.create", self._storage.bucket(bucket), name)
        return bucket, name

    def _upload(self, request: Request) -> Path:
        """The upload's folder, where it is the path's object's and the caller may write it."""
        bucket, name = self._authorize(request)
        upload = request.query_params.get("uploadId", "")
        document = self._folder / upload / "upload.json"
        if not _UPLOAD.fullmatch(upload) or not document.exists():
            raise GoogleError(404, "The requested upload was not found.", reason="NoSuchUpload")
        begun = json.loads(document.read_bytes())
        if (begun["bucket"], begun["name"]) != (bucket, name):
            raise GoogleError(404, "The requested upload was not found.", reason="NoSuchUpload")
        return document.parent


async def _listed_parts(request: Request) -> list[tuple[int, str]]:
    """Number and ETag of each part that the client wants the object to have.

    Raises:
        GoogleError: 400.
    """
    body = await request.body()
    try:
        if len(body) > _MOST_XML or b"<!" in body:  # no document type, so no entities to expand
            raise ElementTree.ParseError
        root = ElementTree.fromstring(body)  # noqa: S314
        found: Iterable[ElementTree.Element] = (part for part in root if part.tag.endswith("Part"))
        parts = [(int(part.findtext("{*}PartNumber", "")), part.findtext("{*}ETag", "")) for part in found]
    except (ElementTree.ParseError, ValueError):
        parts = []
    if not parts:
        raise GoogleError(
            400, "The list of parts is malformed.", reason="MalformedCompleteMultipartUploadRequest"
        )
    return parts


def _sums(content: Content) -> dict[str, str]:
    return {"x-goog-hash": f"crc32c={content.crc32c},md5={content.md5}"}


def _concatenate(parts: list[Path], target: Path) -> None:
    with target.open("wb") as whole:
        for path in parts:
            with path.open("rb") as part:
                shutil.copyfileobj(part, whole)


def _render(element: str, inner: str, headers: dict[str, str] | None = None) -> Response:
    body = f"<?xml version='1.0' encoding='UTF-8'?><{element} xmlns=\"{_NAMESPACE}\">{inner}</{element}>"
    return Response(body, 200, headers, "application/xml; charset=UTF-8")
