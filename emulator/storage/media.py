"""An object's bytes as an answer: whole, a range of them, or unpacked where the client reads no gzip.

Source: Cloud Storage documentation, "Uploads and downloads", "Transcoding of gzip-compressed files".
"""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..errors import GoogleError
from .errors import range_not_satisfiable
from .objects import StoredObject

_BLOCK = 512 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_GZIP = b"\x1f\x8b"


def render_media(request: Request, stored: StoredObject, path: Path, *, etag: str = "") -> Response:
    """The object's bytes, which are the file `path`, or the range of them that was asked for, streamed.

    Raises:
        GoogleError: 416.
    """
    headers = _headers_of(stored, etag or stored.etag)
    # Opened here and now: the object may be deleted while its bytes are on their way.
    file = path.open("rb", buffering=0)
    if _is_to_be_unpacked(request, stored, file):
        del headers["content-encoding"], headers["accept-ranges"]
        headers |= {"vary": "Accept-Encoding", "warning": "214 UploadServer gunzipped"}
        if request.method == "HEAD":
            file.close()
            return Response(None, 200, headers)
        return StreamingResponse(_unpacked(file), 200, headers)
    status, first, length = 200, 0, stored.size
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match and (match[1] or match[2]):
        try:
            first, length = _parse_range(match, stored.size)
        except GoogleError:
            file.close()
            raise
        status = 206
        headers["content-range"] = f"bytes {first}-{first + length - 1}/{stored.size}"
    headers["content-length"] = str(length)
    if request.method == "HEAD" or length <= _BLOCK:
        # Most pictures: one answer costs the server half of what a stream does.
        with file:
            file.seek(first)
            return Response(b"" if request.method == "HEAD" else file.read(length), status, headers)
    return StreamingResponse(_blocks(file, first, length), status, headers)


def _headers_of(stored: StoredObject, etag: str) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "cache-control": stored.settable.get("cacheControl", "private, max-age=0"),
        "content-type": stored.settable.get("contentType", "application/octet-stream"),
        "etag": f'"{etag}"',
        "x-goog-generation": str(stored.generation),
        "x-goog-hash": f"crc32c={stored.crc32c}" + ("" if stored.components else f",md5={stored.md5}"),
        "x-goog-metageneration": str(stored.metageneration),
        "x-goog-storage-class": stored.settable.get("storageClass", "STANDARD"),
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
    return headers


def _is_to_be_unpacked(request: Request, stored: StoredObject, file: FileIO) -> bool:
    """Whether the object is gzip by its own word and its bytes', and the client does not read that."""
    if stored.settable.get("contentEncoding") != "gzip":
        return False
    if "no-transform" in stored.settable.get("cacheControl", ""):
        return False
    if "gzip" in request.headers.get("accept-encoding", ""):
        return False
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    return packed


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


async def _unpacked(file: FileIO) -> AsyncIterator[bytes]:
    with file, gzip.GzipFile(fileobj=file) as plain:
        while block := plain.read(_BLOCK):
            yield block
