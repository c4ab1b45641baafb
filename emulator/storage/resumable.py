"""Resumable uploads: a session is a folder with what was agreed and what has come, so it survives a restart.

Whoever knows a session's address may go on with it, as in Cloud Storage. Simplified: every
byte that arrived is kept, where Cloud Storage keeps multiples of 256 KiB; sessions do not expire.

Source: Cloud Storage documentation, "Resumable uploads".
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..access_tokens import Caller
from ..bodies import json_of
from ..state import Document, write_atomically
from .core import Storage, check_object_name
from .errors import invalid, no_such_upload
from .preconditions import Preconditions
from .uploads import Upload, append, prepare

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_SESSION = re.compile(r"[0-9a-f]{32}")


class ResumableUploads:
    """`POST`, then `PUT` and `DELETE`, of `/upload/storage/v1/b/BUCKET/o?uploadType=resumable`."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._folder = folder

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
        location = f"https://{request.url.netloc}/upload/storage/v1/b/{bucket}/o"
        return Response(
            headers={
                "location": f"{location}?uploadType=resumable&upload_id={session}",
                "x-guploader-uploadid": session,
            }
        )

    async def put(self, request: Request) -> Response:
        """The next bytes, or, for `bytes */…`, the question how many have come."""
        folder = self._session(request)
        if (folder / "object.json").exists():
            return JSONResponse(json.loads((folder / "object.json").read_bytes()))
        received = folder / "bytes"
        total = await _receive(request, received)
        size = received.stat().st_size
        if total is None or size < total:
            return Response(status_code=308, headers={"range": f"bytes=0-{size - 1}"} if size else {})
        if size > total:
            raise invalid("The upload has more bytes than it declared.")
        upload = _parse(json.loads((folder / "upload.json").read_bytes()))
        with self._storage.objects.draft() as draft, ExitStack() as refused:
            received.replace(draft)
            refused.callback(shutil.rmtree, folder)  # what was refused once would be refused again
            stored = await upload.finish(self._storage, draft, request.headers)
            refused.pop_all()
        write_atomically(folder / "object.json", json.dumps(stored.render()).encode())
        return JSONResponse(stored.render())

    async def cancel(self, request: Request) -> Response:
        shutil.rmtree(self._session(request))
        return Response(status_code=499)

    def _session(self, request: Request) -> Path:
        session = request.query_params.get("upload_id", "")
        if not _SESSION.fullmatch(session) or not (self._folder / session).is_dir():
            raise no_such_upload()
        return self._folder / session


async def _receive(request: Request, received: Path) -> int | None:
    """Appends what is new of the body; the upload's total size, where the client knows it by now.

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
    return None if match[3] == "*" else int(match[3])


async def _beyond(blocks: AsyncIterator[bytes], known: int) -> AsyncIterator[bytes]:
    """The blocks without their first `known` bytes."""
    async for block in blocks:
        yield block[known:]
        known = max(0, known - len(block))


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
