"""artifactregistry.googleapis.com: what is in a Docker repository, as `gcloud artifacts docker` asks for it.

An image is a package, each of its manifests a version, and a tag names a version. Deleting is done when it
is answered; what a manifest referred to stays until the repository goes. Absent: annotations, attachments,
files, orders, and every filter but the one for the tags of a version.

Source: Artifact Registry API reference v1, `projects.locations.repositories.dockerImages` and `packages`
with its `versions` and `tags`; Artifact Registry documentation, "Access control with IAM".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .bodies import fields_of
from .errors import GoogleError, not_emulated
from .pages import page_of
from .registry_images import StoredImage, Version, images_in
from .state import Document

Permit = Callable[[Request, str], tuple[str, Path]]
"""The repository that a request's path names: its resource's name and its folder, where the caller holds a
permission; raises GoogleError."""
Done = Callable[[str, Document], Response]
"""The answer of an operation that is done in a place, with a response."""

_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_OF_VERSION = re.compile(r'version ?= ?"(?P<version>[^"]+)"')
_EMPTY: Document = {"@type": "type.googleapis.com/google.protobuf.Empty"}


def image_routes(repository: str, permit: Permit, done: Done) -> list[BaseRoute]:
    """Images, packages, versions and tags below the path `repository`."""
    images = _Images(permit, done)
    package = repository + "/packages/{package:path}"
    version, tag = package + "/versions/{version}", package + "/tags/{tag}"
    return [
        Route(repository + "/dockerImages", images.list_images),
        Route(repository + "/dockerImages/{docker_image:path}", images.get_image),
        Route(repository + "/packages", images.list_packages),
        Route(package + "/versions", images.list_versions),
        Route(version, images.get_version, methods=["GET"]),
        Route(version, images.delete_version, methods=["DELETE"]),
        Route(package + "/tags", images.list_tags, methods=["GET"]),
        Route(package + "/tags", images.create_tag, methods=["POST"]),
        Route(tag, images.get_tag, methods=["GET"]),
        Route(tag, images.patch_tag, methods=["PATCH"]),
        Route(tag, images.delete_tag, methods=["DELETE"]),
        Route(package, images.get_package, methods=["GET"]),
        Route(package, images.delete_package, methods=["DELETE"]),
    ]


class _Images:
    """Each method asks first whether the caller may."""

    def __init__(self, permit: Permit, done: Done) -> None:
        self._permit = permit
        self._done = done

    async def list_images(self, request: Request) -> Response:
        name, folder = self._permit(request, "dockerimages.list")
        found = [
            (f"{image.name}@{version.digest}", _render_image(name, image, version))
            for image in images_in(folder)
            for version in image.versions()
        ]
        return _page("dockerImages", found, request)

    async def get_image(self, request: Request) -> Response:
        name, folder = self._permit(request, "dockerimages.get")
        package, _, digest = unquote(request.path_params["docker_image"]).partition("@")
        image = StoredImage(folder, package)
        version = image.version(digest)
        if version is None:
            raise _not_found()
        return JSONResponse(_render_image(name, image, version))

    async def list_packages(self, request: Request) -> Response:
        name, folder = self._permit(request, "packages.list")
        found = [(image.name, _render_package(name, image)) for image in images_in(folder)]
        return _page("packages", found, request)

    async def get_package(self, request: Request) -> Response:
        name, image = self._image(request, "packages.get")
        return JSONResponse(_render_package(name, image))

    async def delete_package(self, request: Request) -> Response:
        name, image = self._image(request, "packages.delete")
        image.delete()
        return self._done(name, _EMPTY)

    async def list_versions(self, request: Request) -> Response:
        name, image = self._image(request, "versions.list")
        full = _is_full(request)
        found = [
            (version.digest, _render_version(name, image, version, full=full)) for version in image.versions()
        ]
        return _page("versions", found, request)

    async def get_version(self, request: Request) -> Response:
        name, image, version = self._version(request, "versions.get")
        return JSONResponse(_render_version(name, image, version, full=_is_full(request)))

    async def delete_version(self, request: Request) -> Response:
        """The version is gone; one that has tags only where the request insists."""
        name, image, version = self._version(request, "versions.delete")
        insists = request.query_params.get("force", "").lower() == "true"
        # Not Google's words.
        if version.tags and not insists:
            raise _precondition(f"The version has tags: {', '.join(version.tags)[:200]}.")
        if parents := image.parents_of(version.digest):
            raise _precondition(f"The version is part of {parents[0]}.")
        image.delete_version(version.digest)
        return self._done(name, _EMPTY)

    async def list_tags(self, request: Request) -> Response:
        name, image = self._image(request, "tags.list")
        wanted = _version_in(request.query_params.get("filter", ""))
        found = [
            (tag, _render_tag(name, image, tag, digest))
            for tag, digest in sorted(image.tags().items())
            if wanted in ("", digest)
        ]
        return _page("tags", found, request)

    async def get_tag(self, request: Request) -> Response:
        name, image = self._image(request, "tags.get")
        return JSONResponse(_render_tag(name, image, *_tag_of(request, image)))

    async def create_tag(self, request: Request) -> Response:
        name, image = self._image(request, "tags.create")
        tag = request.query_params.get("tagId", "")
        if not _TAG.fullmatch(tag):
            raise GoogleError(400, "Invalid tag ID.")
        if tag in image.tags():
            raise GoogleError(409, "the tag already exists")
        return await self._tagged(request, name, image, tag)

    async def patch_tag(self, request: Request) -> Response:
        name, image = self._image(request, "tags.update")
        if request.query_params.get("updateMask", "version") not in ("version", "*"):
            raise GoogleError(400, "Invalid update mask.")
        return await self._tagged(request, name, image, _tag_of(request, image)[0])

    async def delete_tag(self, request: Request) -> Response:
        _, image = self._image(request, "tags.delete")
        image.untag(_tag_of(request, image)[0])
        return JSONResponse({})

    async def _tagged(self, request: Request, name: str, image: StoredImage, tag: str) -> Response:
        """The tag names the version that the body does."""
        digest = str((await fields_of(request, "name", "version")).get("version") or "").rpartition(
            "/versions/"
        )[2]
        if image.version(digest) is None:
            raise _not_found()
        image.tag(tag, digest)
        return JSONResponse(_render_tag(name, image, tag, digest))

    def _image(self, request: Request, permission: str) -> tuple[str, StoredImage]:
        name, folder = self._permit(request, permission)
        # In a resource's name the slashes of an image's are escaped, and some clients escape that again.
        image = StoredImage(folder, unquote(request.path_params["package"]))
        if not image.exists:
            raise _not_found()
        return name, image

    def _version(self, request: Request, permission: str) -> tuple[str, StoredImage, Version]:
        name, image = self._image(request, permission)
        version = image.version(request.path_params["version"])
        if version is None:
            raise _not_found()
        return name, image, version


def _tag_of(request: Request, image: StoredImage) -> tuple[str, str]:
    """The tag that the path names, and the digest that it names.

    Raises:
        GoogleError: 404.
    """
    tag = request.path_params["tag"]
    digest = image.tags().get(tag)
    if digest is None:
        raise _not_found()
    return tag, digest


def _version_in(text: str) -> str:
    """The digest of the version whose tags a filter asks for; `""` where it asks for nothing.

    Raises:
        GoogleError: 400 for any other filter.
    """
    if not text:
        return ""
    match = _OF_VERSION.fullmatch(text)
    if match is None:
        raise not_emulated('the emulator does not have filters of tags but `version="…"`')
    return match["version"].rpartition("/")[2]


def _is_full(request: Request) -> bool:
    return request.query_params.get("view") in ("FULL", "2")


def _page(field: str, found: list[tuple[str, Document]], request: Request) -> Response:
    page, more = page_of(found, request.query_params)
    return JSONResponse({**({field: page} if page else {}), **more})


def _package_name(repository: str, image: StoredImage) -> str:
    return f"{repository}/packages/{quote(image.name, safe='')}"


def _render_package(repository: str, image: StoredImage) -> Document:
    times = [version.uploaded_at for version in image.versions()] or [image.folder.stat().st_mtime]
    return {
        "name": _package_name(repository, image),
        "createTime": _time_of(min(times)),
        "updateTime": _time_of(max(times)),
    }


def _render_version(repository: str, image: StoredImage, version: Version, *, full: bool) -> Document:
    document: Document = {
        "name": f"{_package_name(repository, image)}/versions/{version.digest}",
        "createTime": _time_of(version.uploaded_at),
        "updateTime": _time_of(version.uploaded_at),
    }
    if not full:
        return document
    shown = _render_image(repository, image, version)
    return document | {
        "relatedTags": [_render_tag(repository, image, tag, version.digest) for tag in version.tags],
        "metadata": {key: shown[key] for key in ("imageSizeBytes", "mediaType", "name")},
    }


def _render_tag(repository: str, image: StoredImage, tag: str, digest: str) -> Document:
    package = _package_name(repository, image)
    return {"name": f"{package}/tags/{tag}", "version": f"{package}/versions/{digest}"}


def _render_image(repository: str, image: StoredImage, version: Version) -> Document:
    _, project, _, location, _, identifier = repository.split("/")
    host = f"{location}-docker.pkg.dev"
    document: Document = {
        "name": f"{repository}/dockerImages/{quote(image.name, safe='')}@{version.digest}",
        "uri": f"{host}/{project}/{identifier}/{image.name}@{version.digest}",
        "imageSizeBytes": str(version.size),
        "uploadTime": _time_of(version.uploaded_at),
        "updateTime": _time_of(version.uploaded_at),
        "mediaType": version.media_type,
    }
    return document | ({"tags": list(version.tags)} if version.tags else {})


def _time_of(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _not_found() -> GoogleError:
    return GoogleError(404, "Requested entity was not found.")


def _precondition(message: str) -> GoogleError:
    return GoogleError(400, message, status="FAILED_PRECONDITION")
