"""The XML API's objects: GET, HEAD, PUT and DELETE of one, and the list of a bucket's.

TensorFlow reads `gs://` by it, and so do `curl` and whatever was written for S3. Absent, and refused:
signed URLs, access lists, copies (`x-goog-copy-source`), POST forms, and a bucket's own settings.

Source: Cloud Storage documentation, "XML API", "GET Object", "PUT Object", "GET Bucket (List Objects)".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from email.utils import formatdate
from urllib.parse import quote
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..state import Document
from .core import Storage, check_object_name, generation_of
from .errors import absent, invalid, no_acls
from .fields import parse_object
from .listing import Page, Question, page_of
from .media import render_media
from .objects import StoredObject, render_time
from .paging import parse_page_token, render_page_token
from .preconditions import Preconditions, parse_preconditions, whole_number
from .uploads import Upload, append

_NAMESPACE = "http://doc.s3.amazonaws.com/2006-03-01"
_META = "x-goog-meta-"
_FIELDS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
    "x-goog-storage-class": "storageClass",
}
_CONDITIONS = {
    "x-goog-if-generation-match": "ifGenerationMatch",
    "x-goog-if-metageneration-match": "ifMetagenerationMatch",
}
_READ = frozenset(
    {"x-goog-api-client", "x-goog-api-version", "x-goog-hash", "x-goog-project-id", "x-goog-user-project"}
)
_MOST_KEYS = 1000


def routes(storage: Storage) -> list[BaseRoute]:
    """`/BUCKET/OBJECT` and `/BUCKET`, but for the uploads in parts."""
    objects = _XmlObjects(storage)
    place = "/{bucket}/{object:rest}"
    return [
        Route(place, objects.get),
        Route(place, objects.put, methods=["PUT"]),
        Route(place, objects.delete, methods=["DELETE"]),
        Route("/{bucket}", objects.list_names),
    ]


class _XmlObjects:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def _object(self, request: Request, permission: str) -> StoredObject:
        _check_query(request, "generation")
        stored = self._storage.find(
            self._storage.caller_of(request),
            permission,
            request.path_params["bucket"],
            request.path_params["object"],
            generation=generation_of(request.query_params),
        )
        _conditions_of(request).check(stored.generation, stored.metageneration)
        return stored

    async def get(self, request: Request) -> Response:
        """The bytes and, in headers, the fields; without the bytes for HEAD."""
        stored = self._object(request, "storage.objects.get")
        etag = _etag_of(stored)
        if request.headers.get("if-none-match") == f'"{etag}"':
            return Response(status_code=304)
        answer = render_media(request, stored, self._storage.objects.path_of(stored), etag=etag)
        answer.headers["last-modified"] = formatdate(stored.updated_at, usegmt=True)
        for name, value in (stored.settable.get("metadata") or {}).items():
            answer.headers[_META + name] = quote(value, safe=" !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~")
        return answer

    async def put(self, request: Request) -> Response:
        """The object is the body."""
        _check_query(request)
        caller, bucket = self._storage.caller_of(request), request.path_params["bucket"]
        name = check_object_name(request.path_params["object"])
        self._storage.authorize(caller, "storage.objects.create", self._storage.bucket(bucket), name)
        upload = Upload(
            caller=caller,
            bucket=bucket,
            name=name,
            document=fields_of(request),
            preconditions=_conditions_of(request),
        )
        self._storage.check(upload.preconditions, bucket, name)
        with self._storage.objects.draft() as draft:
            await append(draft, request.stream())
            stored = await upload.finish(self._storage, draft, request.headers)
        headers = {
            "etag": f'"{_etag_of(stored)}"',
            "x-goog-generation": str(stored.generation),
            "x-goog-hash": f"crc32c={stored.crc32c},md5={stored.md5}",
            "x-goog-metageneration": str(stored.metageneration),
            "x-goog-stored-content-length": str(stored.size),
        }
        return Response(None, 200, headers)

    async def delete(self, request: Request) -> Response:
        self._storage.remove(self._object(request, "storage.objects.delete"), generation=None)
        return Response(status_code=204)

    async def list_names(self, request: Request) -> Response:
        """A page of the bucket's objects, in either version of the list."""
        _check_query(
            request, "continuation-token", "delimiter", "encoding-type", "list-type", "marker", "max-keys",
            "prefix", "start-after",
        )  # fmt: skip
        query, name = request.query_params, request.path_params["bucket"]
        bucket = self._storage.bucket(name)
        self._storage.authorize(self._storage.caller_of(request), "storage.objects.list", bucket)
        if request.method == "HEAD":
            return Response(None, 200)
        if query.get("encoding-type", "url") != "url":
            raise invalid("Invalid value for encoding-type.")
        second = query.get("list-type") == "2"
        token = parse_page_token(query.get("continuation-token", ""))
        after = (token or query.get("start-after", "")) if second else query.get("marker", "")
        question = Question(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            after=after,
            most=min(whole_number(query, "max-keys") or _MOST_KEYS, _MOST_KEYS),
        )
        page = page_of(self._storage.objects, name, question)
        return _render_list(name, question, page, second=second, encoded="encoding-type" in query)


def fields_of(request: Request) -> Document:
    """The fields that the headers of an upload set.

    Raises:
        GoogleError: 400 where one asks for what the emulator does not have.
    """
    headers = request.headers
    for name in headers:
        if name in ("x-goog-acl", "x-amz-acl"):
            raise no_acls()
        kept = name in _FIELDS or name in _CONDITIONS or name in _READ or name.startswith(_META)
        if name.startswith(("x-goog-", "x-amz-")) and not kept:
            raise absent(f"the header `{name[:80]}`")
    document: Document = {field: headers[name] for name, field in _FIELDS.items() if name in headers}
    if "content-md5" in headers:
        document["md5Hash"] = headers["content-md5"]
    metadata = {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}
    document |= {"metadata": metadata} if metadata else {}
    parse_object(document)
    return document


def _check_query(request: Request, *honoured: str) -> None:
    """The query asks for nothing else; a signed URL is told by its name.

    Raises:
        GoogleError: 400.
    """
    for name in request.query_params:
        if name.lower() in ("x-goog-signature", "signature", "x-goog-algorithm", "x-amz-signature"):
            raise absent("signed URLs: send an access token")
        if name not in (*honoured, "userProject"):
            raise absent(f"the XML API's `{name[:80]}`")


def _conditions_of(request: Request) -> Preconditions:
    headers: Mapping[str, str] = request.headers
    return parse_preconditions({_CONDITIONS[name]: headers[name] for name in _CONDITIONS if name in headers})


def _etag_of(stored: StoredObject) -> str:
    """The MD5 in hexadecimal digits; a composite object's is its generation's."""
    return stored.etag if stored.components else base64.b64decode(stored.md5).hex()


def _render_list(bucket: str, question: Question, page: Page, *, second: bool, encoded: bool) -> Response:
    def text(element: str, value: object) -> str:
        return f"<{element}>{escape(str(value))}</{element}>"

    def name(element: str, value: str) -> str:
        return text(element, quote(value, safe="/") if encoded else value)

    inner = text("Name", bucket) + name("Prefix", question.prefix)
    if second:
        inner += text("KeyCount", len(page.objects) + len(page.prefixes))
        if page.last:
            inner += text("NextContinuationToken", render_page_token(page.last))
    else:
        inner += name("Marker", question.after) + (name("NextMarker", page.last) if page.last else "")
    if question.delimiter:
        inner += name("Delimiter", question.delimiter)
    inner += text("MaxKeys", question.most) + text("IsTruncated", "true" if page.last else "false")
    for stored in page.objects:
        inner += (
            "<Contents>"
            + name("Key", stored.name)
            + text("Generation", stored.generation)
            + text("MetaGeneration", stored.metageneration)
            + text("LastModified", render_time(stored.updated_at))
            + text("ETag", f'"{_etag_of(stored)}"')
            + text("Size", stored.size)
            + "</Contents>"
        )
    for prefix in page.prefixes:
        inner += f"<CommonPrefixes>{name('Prefix', prefix)}</CommonPrefixes>"
    head = f"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='{_NAMESPACE}'>"
    return Response(f"{head}{inner}</ListBucketResult>", 200, media_type="application/xml; charset=UTF-8")
