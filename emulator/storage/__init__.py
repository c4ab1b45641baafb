"""storage.googleapis.com: Cloud Storage as google-cloud-storage speaks to it.

Faithful: authentication, OAuth scopes, project and per-bucket allow policies, preconditions,
generations, ranges, checksums, simple, multipart, resumable and XML multipart uploads,
listing, compose, copy, rewrite and move, batches, unpacking of gzip, the XML API's objects, and
the errors' words and shapes. `calls.py` says it call by call.

A bucket with versioning keeps what is overwritten and deleted; without, it is gone: 404.

Absent, and refused with 400 and a sentence: soft delete, access control lists, retention and holds,
lifecycle rules, notifications, encryption keys, signed URLs, list by glob, folders. Partial responses
are absent too, but harmless: `fields` is ignored, and the whole resource comes.
"""

from __future__ import annotations

import re
import sqlite3
from typing import ClassVar
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import GoogleError
from ..state import State
from . import buckets, reading, writing, xml_multipart, xml_objects
from .batch import batch
from .calls import serving
from .core import Storage
from .errors import absent, invalid, no_acls, no_such_bucket, on_full_disk, on_storage_error
from .resumable import ResumableUploads
from .uploads import SimpleUploads


class _Segment(Convertor[str]):
    """One segment of a path that is still percent-encoded: an object's name with its slashes."""

    regex: ClassVar[str] = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value)

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


class _Rest(_Segment):
    """The same, to the end of the path."""

    regex: ClassVar[str] = ".+"


register_url_convertor("segment", _Segment())
register_url_convertor("rest", _Rest())


_BELOW_BUCKETS = frozenset(
    {
        "acl", "anywhereCaches", "defaultObjectAcl", "folders", "iam", "lockRetentionPolicy",
        "managedFolders", "notificationConfigs", "o", "operations", "rapidCaches", "relocate", "restore",
        "storageLayout",
    }
)  # fmt: skip
"""What may follow a bucket's name; anything else was written with a slash in the name."""
_OF_STORAGE = re.compile(r"/(?:(?:resumable/)?upload/|download/|batch/)?storage/v1(?:/|$)")
_ACL = re.compile(r"/(?:acl|defaultObjectAcl)(?:/|$)")
_KEYS = (b"x-goog-encryption-", b"x-goog-copy-source-encryption-")


def make_app(state: State) -> ASGIApp:
    """Cloud Storage, over what is in the state folder."""
    storage = Storage(state)
    folder = state.folder / "storage"
    simple = SimpleUploads(storage)
    resumable = ResumableUploads(storage, folder / "resumable")
    kinds = {"media": simple.media, "multipart": simple.multipart, "resumable": resumable.begin}

    async def upload(request: Request) -> Response:
        begin = kinds.get(request.query_params.get("uploadType", ""))
        if begin is None:
            raise invalid("Invalid value for uploadType: media, multipart or resumable.")
        return await begin(request)

    async def call_batch(request: Request) -> Response:
        return await batch(request, app)

    async def unknown(request: Request) -> Response:
        path = unquote(request.url.path)
        parts = path.split("/")
        if parts[1:4] == ["storage", "v1", "b"] and len(parts) > 5 and parts[5] not in _BELOW_BUCKETS:
            raise no_such_bucket("/".join(parts[4:]))
        if _ACL.search(path):
            raise no_acls()
        raise absent(f"{request.method} {path}")

    async def unknown_xml(request: Request) -> Response:
        raise absent(f"{request.method} {unquote(request.url.path)} of the XML API")

    uploads = "/upload/storage/v1/b/{bucket}/o"
    inner = Starlette(
        routes=[
            *buckets.routes(storage),
            *writing.routes(storage),
            *reading.routes(storage),
            *(
                Route(prefix + uploads, endpoint, methods=[method])
                for prefix in ("", "/resumable")
                for method, endpoint in (
                    ("POST", serving("objects.insert", upload)),
                    ("PUT", resumable.put),
                    ("DELETE", resumable.cancel),
                )
            ),
            Route("/batch/storage/v1", call_batch, methods=["POST"]),
            *(
                Route(f"/{first}/{{path:path}}", unknown, methods=["DELETE", "GET", "PATCH", "POST", "PUT"])
                for first in ("storage", "upload", "resumable", "download", "batch")
            ),
            *xml_multipart.routes(storage, folder / "multipart"),
            *xml_objects.routes(storage),
            Route("/{path:path}", unknown_xml, methods=["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"]),
        ],
        exception_handlers={
            GoogleError: on_storage_error,
            OSError: on_full_disk,
            sqlite3.OperationalError: on_full_disk,
        },
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        if any(name.startswith(_KEYS) for name, _ in scope["headers"]):
            request = Request(scope)
            answer = on_storage_error(request, absent("encryption keys of the customer's"))
            await answer(scope, receive, send)
        else:
            await inner(scope, receive, send)

    return app


def under_its_old_host(cloud_storage: ASGIApp, others: ASGIApp) -> ASGIApp:
    """The JSON API at www.googleapis.com, where TensorFlow's `gs://` still asks for it, beside `others`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ours = _OF_STORAGE.match(scope["path"]) is not None
        await (cloud_storage if ours else others)(scope, receive, send)

    return app
