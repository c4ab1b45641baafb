"""storage.googleapis.com: Cloud Storage as google-cloud-storage speaks to it.

Faithful: authentication, OAuth scopes, project and per-bucket allow policies, preconditions,
generations, ranges, checksums, simple, multipart, resumable and XML multipart uploads,
listing, compose, copy and rewrite, batches, and the errors' words and shapes.

Absent, and refused with 501 where asking for it by mistake would mislead: object versioning
(so an overwritten generation is gone: 404), soft delete, access control lists, retention and
holds, lifecycle rules, notifications, storage classes other than STANDARD, encryption keys,
signed URLs, partial responses (`fields` is ignored: the whole resource comes), list by glob,
decompressive transcoding, ETag preconditions, folders, and the XML API beside multipart
uploads.
"""

from __future__ import annotations

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
from . import buckets, reading, writing, xml_multipart
from .batch import batch
from .core import Storage
from .errors import absent, invalid, on_storage_error
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
            raise invalid("Invalid value for uploadType.")
        return await begin(request)

    async def call_batch(request: Request) -> Response:
        return await batch(request, app)

    async def unknown(request: Request) -> Response:
        raise absent(f"{request.method} {request.url.path}")

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
                    ("POST", upload),
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
        ],
        exception_handlers={GoogleError: on_storage_error},
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await inner({**scope, "path": scope["raw_path"].decode("latin-1")}, receive, send)

    return app
