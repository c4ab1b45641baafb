"""Resumable uploads: a session is a folder with what was agreed and what has come, so it survives a restart.

Whoever knows a session's address may go on with it, as in Cloud Storage. Simplified: every
byte that arrived is kept, where Cloud Storage keeps multiples of 256 KiB; sessions do not expire.

Source: Cloud Storage documentation, "Resumable uploads".
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..access_tokens import Caller
from ..bodies import json_of
from ..state import Document, write_atomically
from .core import Storage, check_object_name
from .errors import invalid, no_such_upload
from .objects import StoredObject
from .preconditions import Preconditions
from .uploads import Upload, append, prepare

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+|\*)|\*)/(\d+|\*)")
_SESSION = re.compile(r"[0-9a-f]{32}")


class ResumableUploads:
    """`POST`, then `PUT` and `DELETE`, of `[/resumable]/upload/storage/v1/b/BUCKET/o`."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._folder = folder
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def begin(self, request: Request) -> Response:
        """A session address, for whoever may create the object."""
        document = await json_of(request)
        bucket = request.path_params["bucket"]
        name = check_object_name(document.get("name") or request.query_params.get("name"))
        document.setdefault("contentType", request.headers.get("x-upload-content-type"))
        upload = prepare(self._storage, request, bucket, name, document)
        session = secrets.token_hex(16)
        write_atomically(self._folder / session / "upload.json", json.dumps(_render(upload)).encode())
        (self._folder / session / "bytes").touch(mode=0o600)
        location = f"https://{request.url.netloc}{request.url.path}"
        return _with_capitals(
            Response(
                headers={
                    "location": f"{location}?uploadType=resumable&upload_id={session}",
                    "x-guploader-uploadid": session,
                }
            )
        )

    async def put(self, request: Request) -> Response:
        """The next bytes, or, for `bytes */…`, the question how many have come."""
        session = self._session(request)
        # A client that has lost its connection tries again, and the server may not know of the loss yet.
        async with self._locks.setdefault(session, asyncio.Lock()):
            return await self._put(request, self._folder / session)

    async def _put(self, request: Request, folder: Path) -> Response:
        answer, received = folder / "object.json", folder / "bytes"
        if not answer.exists():
            upload = _parse(json.loads((folder / "upload.json").read_bytes()))
            stored = self._made_of(received, upload)
            if stored is None:
                total = await _receive(request, received)
                size = received.stat().st_size
                if total is None or size < total:
                    so_far = {"range": f"bytes=0-{size - 1}"} if size else {}
                    return _with_capitals(Response(status_code=308, headers=so_far))
                if size > total:
                    raise invalid("The upload has more bytes than it declared.")
                stored = await self._finish(upload, request, folder)
            write_atomically(answer, json.dumps(stored.render()).encode())
        received.unlink(missing_ok=True)
        return JSONResponse(json.loads(answer.read_bytes()))

    def _made_of(self, received: Path, upload: Upload) -> StoredObject | None:
        """The live object, if it is of these very bytes: the emulator was killed before it could say so."""
        objects = self._storage.objects
        live = objects.get(upload.bucket, upload.name)
        return live if live is not None and objects.path_of(live).samefile(received) else None

    async def _finish(self, upload: Upload, request: Request, folder: Path) -> StoredObject:
        """The object is what came; the session keeps the bytes too, until its answer is on disk."""
        with self._storage.objects.draft() as draft, ExitStack() as refused:
            draft.unlink()
            draft.hardlink_to(folder / "bytes")
            refused.callback(shutil.rmtree, folder)  # what was refused once would be refused again
            try:
                stored = await upload.finish(self._storage, draft, request.headers)
            except (OSError, sqlite3.Error):  # a full disk is no refusal
                refused.pop_all()
                raise
            refused.pop_all()
        return stored

    async def cancel(self, request: Request) -> Response:
        session = self._session(request)
        async with self._locks.setdefault(session, asyncio.Lock()):
            shutil.rmtree(self._folder / session, ignore_errors=True)
        return Response(status_code=499)

    def _session(self, request: Request) -> str:
        session = request.query_params.get("upload_id", "")
        if not _SESSION.fullmatch(session) or not (self._folder / session / "upload.json").exists():
            raise no_such_upload()
        return session


async def _receive(request: Request, received: Path) -> int | None:
    """Appends what is new of the body; the upload's total size, where the client knows it by now.

    A range whose end is `*` goes to the end of the body, and so does the object.

    Raises:
        GoogleError: 400 where the range is malformed or would leave a hole.
    """
    size = received.stat().st_size
    header = request.headers.get("content-range")
    if header is None:
        received.write_bytes(b"")  # the whole of it, in one request
        await append(received, request.stream())
        return received.stat().st_size
    match = _RANGE.fullmatch(header)
    if match is None or (match[1] and int(match[1]) > size):
        raise invalid("Failed to parse Content-Range header.", reason="badRequest")
    if match[1]:
        await append(received, _beyond(request.stream(), size - int(match[1])))
    if match[3] != "*":
        return int(match[3])
    return received.stat().st_size if match[2] == "*" else None


async def _beyond(blocks: AsyncIterator[bytes], known: int) -> AsyncIterator[bytes]:
    """The blocks without their first `known` bytes."""
    async for block in blocks:
        yield block[known:]
        known = max(0, known - len(block))


def _with_capitals(response: Response) -> Response:
    """The headers' names as Google writes them: TensorFlow looks for `Location` and `Range` to the letter."""
    response.raw_headers = [(name.title(), value) for name, value in response.raw_headers]
    return response


def _render(upload: Upload) -> Document:
    caller = upload.caller
    return {
        "bucket": upload.bucket,
        "name": upload.name,
        "document": upload.document,
        "preconditions": asdict(upload.preconditions),
        "caller": caller
        and {
            "name": caller.name,
            "members": sorted(caller.members),
            "scopes": sorted(caller.scopes),
            "expires_at": caller.expires_at,
        },
    }


def _parse(document: Document) -> Upload:
    caller = document["caller"]
    return Upload(
        caller=caller
        and Caller(
            name=caller["name"],
            members=frozenset(caller["members"]),
            scopes=frozenset(caller["scopes"]),
            expires_at=caller["expires_at"],
        ),
        bucket=document["bucket"],
        name=document["name"],
        document=document["document"],
        preconditions=Preconditions(**document["preconditions"]),
    )
