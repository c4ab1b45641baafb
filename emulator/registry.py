"""LOCATION-docker.pkg.dev: images of Artifact Registry's Docker repositories, pull and push.

What is stored is named by its digest and checked against it. A manifest is taken only when
all that it refers to is there. Absent: deleting blobs, referrers, catalogues, and Docker's schema 1.

Source: opencontainers/distribution-spec, spec.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .errors import GoogleError
from .registry_access import (
    Repositories,
    Repository,
    authenticate,
    challenge,
    on_registry_error,
    registry_error,
    token_of,
)
from .state import State, write_atomically

_PULL, _PUSH, _DELETE = "downloadArtifacts", "uploadArtifacts", "deleteArtifacts"
_LARGEST_MANIFEST = 4 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_SESSION = re.compile(r"[0-9a-f]{32}")
_CONTENT_RANGE = re.compile(r"(?:bytes )?(\d+)-(\d+)(?:/.*)?")


def make_app(state: State) -> ASGIApp:
    """The registry, over what is in the state folder."""
    registry = _Registry(state)
    blobs = "/v2/{name:path}/blobs"
    return Starlette(
        routes=[
            Route("/v2/", registry.version),
            Route("/v2/token", registry.token),
            Route("/v2/{name:path}/tags/list", registry.list_tags),
            Route("/v2/{name:path}/manifests/{reference}", registry.get_manifest),
            Route("/v2/{name:path}/manifests/{reference}", registry.put_manifest, methods=["PUT"]),
            Route("/v2/{name:path}/manifests/{reference}", registry.delete_manifest, methods=["DELETE"]),
            Route(blobs + "/uploads/", registry.begin_upload, methods=["POST"]),
            Route(blobs + "/uploads/{session}", registry.upload_status),
            Route(blobs + "/uploads/{session}", registry.append_upload, methods=["PATCH"]),
            Route(blobs + "/uploads/{session}", registry.finish_upload, methods=["PUT"]),
            Route(blobs + "/uploads/{session}", registry.cancel_upload, methods=["DELETE"]),
            Route(blobs + "/{digest}", registry.get_blob),
            Route("/{path:path}", registry.absent, methods=["DELETE", "GET", "PATCH", "POST", "PUT"]),
        ],
        exception_handlers={GoogleError: on_registry_error},
    )


class _Registry:
    def __init__(self, state: State) -> None:
        self._state = state
        self._repositories = Repositories(state)

    def _open(self, request: Request, permission: str) -> Repository:
        return self._repositories.open(request, permission, request.path_params["name"])

    async def version(self, request: Request) -> Response:
        """Says that this is a registry, to those who say who they are."""
        if authenticate(self._state, request) is None:
            raise registry_error(401, "UNAUTHORIZED", "authentication required", headers=challenge(request))
        return JSONResponse({}, headers={"docker-distribution-api-version": "registry/2.0"})

    async def token(self, request: Request) -> Response:
        """The caller's own access token: what it may do is asked at each request."""
        caller = authenticate(self._state, request)
        if caller is None:
            raise registry_error(401, "UNAUTHORIZED", "authentication required")
        token, lifetime_s = token_of(request), caller.expires_at - int(self._state.clock())
        return JSONResponse({"token": token, "access_token": token, "expires_in": lifetime_s})

    async def absent(self, request: Request) -> Response:
        raise registry_error(400, "UNSUPPORTED", f"the emulator does not have {request.method} of this")

    async def list_tags(self, request: Request) -> Response:
        repository = self._open(request, _PULL)
        tags = sorted(repository.stored.tags())
        if not tags and not repository.stored.exists:
            raise registry_error(404, "NAME_UNKNOWN", f'Image "{repository.image}" not found')
        return JSONResponse({"name": repository.path, "tags": tags})

    async def get_manifest(self, request: Request) -> Response:
        repository, reference = self._open(request, _PULL), request.path_params["reference"]
        digest = _digest_of(repository, reference)
        path = repository.stored.manifest(digest)
        headers = {"content-type": path.with_suffix(".type").read_text(), "docker-content-digest": digest}
        return Response(path.read_bytes(), headers=headers)

    async def put_manifest(self, request: Request) -> Response:
        repository, reference = self._open(request, _PUSH), request.path_params["reference"]
        manifest = await _read_manifest(request)
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        if reference.startswith("sha256:"):
            if reference != digest:
                raise _wrong_digest(digest)
        elif not _TAG.fullmatch(reference):
            raise registry_error(400, "TAG_INVALID", "the tag is malformed")
        content_type = request.headers.get("content-type", "")
        _check_references(repository, _parse_manifest(manifest, content_type))
        repository.stored.put(digest, manifest, content_type)
        if not reference.startswith("sha256:"):
            repository.stored.tag(reference, digest)
        location = f"/v2/{repository.path}/manifests/{digest}"
        return Response(status_code=201, headers={"location": location, "docker-content-digest": digest})

    async def delete_manifest(self, request: Request) -> Response:
        """The tag is gone; by a digest, the manifest, unless it is tagged or part of an index."""
        repository, reference = self._open(request, _DELETE), request.path_params["reference"]
        digest = _digest_of(repository, reference)
        if reference != digest:
            repository.stored.untag(reference)
            return Response(status_code=202)
        still = "Manifest is still referenced by"
        if tags := [tag for tag, named in repository.stored.tags().items() if named == digest]:
            raise registry_error(400, "GOOGLE_MANIFEST_DANGLING_TAG", f"{still} tag: {tags[0]}")
        if parents := repository.stored.parents_of(digest):
            code = "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE"
            raise registry_error(400, code, f"{still} parent image: {parents[0]}")
        repository.stored.delete_version(digest)
        return Response(status_code=202)

    async def get_blob(self, request: Request) -> Response:
        """The blob, or the range of it that was asked for."""
        repository, digest = self._open(request, _PULL), request.path_params["digest"]
        if not _DIGEST.fullmatch(digest) or not repository.blob(digest).exists():
            raise registry_error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        headers = {"docker-content-digest": digest}
        return FileResponse(repository.blob(digest), headers=headers, media_type="application/octet-stream")

    async def begin_upload(self, request: Request) -> Response:
        repository, query = self._open(request, _PUSH), request.query_params
        if "mount" in query and self._mount(request, repository):
            return _created(repository, query["mount"])
        session = repository.session(secrets.token_hex(16))
        write_atomically(session, b"")
        if "digest" in query:
            return await self._finish(request, repository, session)
        return _progress(repository, session, 202)

    def _mount(self, request: Request, repository: Repository) -> bool:
        """Whether the blob is here now, from another repository that the caller may read."""
        digest = request.query_params["mount"]
        if not _DIGEST.fullmatch(digest):
            return False
        try:
            source = self._repositories.open(request, _PULL, request.query_params.get("from", ""))
        except GoogleError:
            return False  # then the client pushes it
        if source.blob(digest).exists() and not repository.blob(digest).exists():
            repository.blob(digest).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.link(source.blob(digest), repository.blob(digest))
        return repository.blob(digest).exists()

    def _session(self, request: Request) -> tuple[Repository, Path]:
        repository, name = self._open(request, _PUSH), request.path_params["session"]
        if not _SESSION.fullmatch(name) or not repository.session(name).exists():
            raise registry_error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return repository, repository.session(name)

    async def upload_status(self, request: Request) -> Response:
        return _progress(*self._session(request), 204)

    async def append_upload(self, request: Request) -> Response:
        repository, session = self._session(request)
        await _append(request, session)
        return _progress(repository, session, 202)

    async def finish_upload(self, request: Request) -> Response:
        repository, session = self._session(request)
        return await self._finish(request, repository, session)

    async def _finish(self, request: Request, repository: Repository, session: Path) -> Response:
        """The bytes that have come are the blob that the client names, or they are dropped."""
        await _append(request, session)
        digest = "sha256:" + await asyncio.to_thread(_hash, session)
        if request.query_params.get("digest") != digest:
            session.unlink()
            raise _wrong_digest(digest)
        repository.blob(digest).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        session.replace(repository.blob(digest))
        return _created(repository, digest)

    async def cancel_upload(self, request: Request) -> Response:
        self._session(request)[1].unlink()
        return Response(status_code=204)


def _digest_of(repository: Repository, reference: str) -> str:
    """The digest of the manifest that a tag or a digest names.

    Raises:
        GoogleError: 404.
    """
    digest = reference if _DIGEST.fullmatch(reference) else repository.stored.tags().get(reference, "")
    if not digest or not repository.stored.manifest(digest).exists():
        raise registry_error(404, "MANIFEST_UNKNOWN", f'Failed to fetch "{reference[:200]}"')
    return digest


def _check_references(repository: Repository, manifest: dict[str, object]) -> None:
    """Everything that the manifest refers to is in the repository.

    Raises:
        GoogleError: 400.
    """
    blobs = [manifest.get("config"), *_list_of(manifest, "layers")]
    wanted = [(repository.blob, blob) for blob in blobs if blob is not None]
    wanted += [(repository.stored.manifest, child) for child in _list_of(manifest, "manifests")]
    for place, descriptor in wanted:
        digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise registry_error(400, "MANIFEST_INVALID", "a descriptor has no SHA-256 digest")
        if not place(digest).exists():
            raise registry_error(400, "MANIFEST_BLOB_UNKNOWN", f"manifest refers to unknown {digest}")


def _list_of(manifest: dict[str, object], key: str) -> list[object]:
    value = manifest.get(key, [])
    if not isinstance(value, list):
        raise registry_error(400, "MANIFEST_INVALID", f"{key} is not a list")
    return value


def _parse_manifest(manifest: bytes, content_type: str) -> dict[str, object]:
    """The manifest; where it says of what type it is, the request says the same.

    Raises:
        GoogleError: 400.
    """
    try:
        document = json.loads(manifest)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise registry_error(400, "MANIFEST_INVALID", "manifest is not a schema 2 manifest or index")
    if not content_type or document.get("mediaType", content_type) != content_type:
        raise registry_error(400, "MANIFEST_INVALID", "mediaType differs from the request's content type")
    return document


async def _read_manifest(request: Request) -> bytes:
    manifest = b""
    async for block in request.stream():
        manifest += block
        if len(manifest) > _LARGEST_MANIFEST:
            raise registry_error(413, "SIZE_INVALID", "manifest is larger than 4 MiB")
    return manifest


async def _append(request: Request, session: Path) -> None:
    """The session has grown by the request's body.

    Raises:
        GoogleError: 416 where the body does not go on where the session ends.
    """
    size = session.stat().st_size
    if header := request.headers.get("content-range"):
        match = _CONTENT_RANGE.fullmatch(header)
        if match is None or int(match[1]) != size:
            raise registry_error(416, "RANGE_INVALID", f"the upload has {size} bytes")
    with session.open("ab", buffering=0) as file:
        async for block in request.stream():
            file.write(block)


def _progress(repository: Repository, session: Path, status: int) -> Response:
    headers = {
        "location": f"/v2/{repository.path}/blobs/uploads/{session.name}",
        "range": f"0-{max(0, session.stat().st_size - 1)}",
        "docker-upload-uuid": session.name,
    }
    return Response(status_code=status, headers=headers)


def _created(repository: Repository, digest: str) -> Response:
    location = f"/v2/{repository.path}/blobs/{digest}"
    return Response(status_code=201, headers={"location": location, "docker-content-digest": digest})


def _wrong_digest(actual: str) -> GoogleError:
    message = f"provided digest did not match uploaded content, which is {actual}"
    return registry_error(400, "DIGEST_INVALID", message)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
