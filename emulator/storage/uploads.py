"""Uploads in one request: the bytes alone, or metadata and bytes as `multipart/related`.

Bodies go to disk as they come, so an object's size does not matter.

Source: Cloud Storage documentation, "Uploads and downloads"; RFC 2387.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..access_tokens import Caller
from ..state import Document
from .core import Storage, check_object_name, without_nulls
from .errors import invalid
from .fields import parse_object
from .objects import Content, StoredObject, measure
from .preconditions import Preconditions, parse_preconditions

_MOST_METADATA = 1 << 20
_CONTENT_TYPE = re.compile(rb"content-type:\s*([^\r\n]+)", re.IGNORECASE)
_TRANSFER_ENCODING = re.compile(rb"content-transfer-encoding:\s*([^\r\n]+)", re.IGNORECASE)
_BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,70})"|'([^']{1,70})'|([^\s;"']{1,70}))""")
"""Single quotes are no quotes in RFC 2045, and yet `gsutil` and `gcloud` set the boundary in them."""


class SimpleUploads:
    """`POST /upload/storage/v1/b/BUCKET/o?uploadType=media|multipart`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def media(self, request: Request) -> Response:
        """The body is the object's bytes; its name and type come beside it."""
        document = {"name": request.query_params.get("name")}
        document["contentType"] = request.headers.get("content-type")
        return await self._receive(request, document, request.stream())

    async def multipart(self, request: Request) -> Response:
        """The body's first part is the object resource, its second the bytes."""
        boundary = _BOUNDARY.search(request.headers.get("content-type", ""))
        if boundary is None:
            raise invalid("Missing the boundary of a multipart upload.")
        parts = _RelatedParts(request.stream(), next(filter(None, boundary.groups())).encode("latin-1"))
        _, metadata = await parts.first()
        try:
            document = json.loads(metadata or b"{}")
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise invalid("Parse Error", reason="parseError")
        document.setdefault("name", request.query_params.get("name"))
        headers = await parts.head()
        if found := _CONTENT_TYPE.search(headers):
            document.setdefault("contentType", found[1].decode("latin-1").strip())
        encoding = _TRANSFER_ENCODING.search(headers)
        if encoding and encoding[1].strip().lower() not in (b"binary", b"7bit", b"8bit"):
            raise invalid("A part has a transfer encoding: the emulator takes bytes as they are.")
        return await self._receive(request, document, parts.rest())

    async def _receive(self, request: Request, document: Document, blocks: AsyncIterator[bytes]) -> Response:
        bucket, name = request.path_params["bucket"], check_object_name(document.get("name"))
        upload = prepare(self._storage, request, bucket, name, document)
        with self._storage.objects.draft() as draft:
            await append(draft, blocks)
            stored = await upload.finish(self._storage, draft, request.headers)
        return JSONResponse(stored.render())


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What was decided before the first byte came."""

    caller: Caller | None
    bucket: str
    name: str
    document: Document
    """The object resource as the client sent it."""
    preconditions: Preconditions

    async def finish(self, storage: Storage, draft: Path, headers: Mapping[str, str]) -> StoredObject:
        """The object is what is in `draft`, if that is what the client says that it sent.

        Raises:
            GoogleError: 400 where a checksum does not match; as `Storage.create`.
        """
        content = await asyncio.to_thread(measure, draft)
        check_sums(content, self.document, headers)
        return storage.create(
            self.caller,
            self.bucket,
            self.name,
            content,
            without_nulls(parse_object(self.document)),
            preconditions=self.preconditions,
        )


def prepare(storage: Storage, request: Request, bucket: str, name: str, document: Document) -> Upload:
    """The upload may begin.

    Raises:
        GoogleError: 401, 403, 404 for the bucket, 412.
    """
    caller = storage.caller_of(request)
    storage.authorize(caller, "storage.objects.create", storage.bucket(bucket), name)
    if "contentEncoding" in request.query_params:
        document.setdefault("contentEncoding", request.query_params["contentEncoding"])
    parse_object(document)
    preconditions = parse_preconditions(request.query_params)
    storage.check(preconditions, bucket, name)
    return Upload(caller=caller, bucket=bucket, name=name, document=document, preconditions=preconditions)


def check_sums(content: Content, document: Mapping[str, object], headers: Mapping[str, str]) -> None:
    """Every checksum that the client gave, in the resource or in `x-goog-hash`, is the content's.

    Raises:
        GoogleError: 400.
    """
    hashes = headers.get("x-goog-hash", "").split(",")
    given = dict(item.strip().split("=", 1) for item in hashes if "=" in item)
    for title, actual, claims in (
        ("CRC32C", content.crc32c, (document.get("crc32c"), given.get("crc32c"))),
        ("MD5 hash", content.md5, (document.get("md5Hash"), given.get("md5"))),
    ):
        for claimed in claims:
            if claimed not in (None, actual):
                raise invalid(f'Provided {title} "{claimed}" doesn\'t match calculated {title} "{actual}".')


async def append(path: Path, blocks: AsyncIterator[bytes]) -> None:
    """The file has grown by the blocks; where they break off, by those that came."""
    with path.open("ab", buffering=0) as file:
        async for block in blocks:
            file.write(block)


class _RelatedParts:
    """The two parts of a `multipart/related` body as it arrives, the second one in constant memory.

    Lines end as the first one does: with CRLF, or with the bare LF that `gsutil` and gcsfs write.
    """

    def __init__(self, blocks: AsyncIterator[bytes], boundary: bytes) -> None:
        self._blocks = blocks
        self._boundary = b"--" + boundary
        self._newline = self._delimiter = b""
        self._buffer = b"\n"

    async def _until(self, mark: bytes) -> bytes:
        """What comes before `mark`, which is passed over.

        Raises:
            GoogleError: 400 where it does not come soon.
        """
        while (found := self._buffer.find(mark)) < 0:
            block = await anext(self._blocks, b"")
            if not block or len(self._buffer) > _MOST_METADATA:
                raise invalid("Malformed multipart body.")
            self._buffer += block
        before, self._buffer = self._buffer[:found], self._buffer[found + len(mark) :]
        return before

    async def first(self) -> tuple[bytes, bytes]:
        """Head and body of the first part."""
        await self._until(b"\n" + self._boundary)
        self._newline = b"\r\n" if (await self._until(b"\n")).endswith(b"\r") else b"\n"
        self._delimiter = self._newline + self._boundary
        self._buffer = self._newline + self._buffer
        return await self.head(), await self._until(self._delimiter)

    async def head(self) -> bytes:
        """The next part's head."""
        return await self._until(self._newline * 2)

    async def rest(self) -> AsyncIterator[bytes]:
        """The second part's body.

        Raises:
            GoogleError: 400 where it does not end with the boundary.
        """
        keep = len(self._delimiter) - 1
        while (end := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > keep:
                yield self._buffer[:-keep]
                self._buffer = self._buffer[-keep:]
            block = await anext(self._blocks, b"")
            if not block:
                raise invalid("Malformed multipart body.")
            self._buffer += block
        yield self._buffer[:end]
        async for _ in self._blocks:
            pass  # the epilogue
