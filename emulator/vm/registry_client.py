"""Pulls an image by reference from a registry and believes nothing that its digest does not cover.

Manifest, configuration, layers and the layers' uncompressed contents are each checked against
the digest that names them, as containerd does. Unless the image is wanted whole, only the files under `/app`
are unpacked: the rest of it is its base layer, which this machine's own environment stands for.

Source: opencontainers/distribution-spec, "Pull"; opencontainers/image-spec, manifest.md,
image-index.md, config.md and layer.md; containerd's resolver for the words of failures.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import requests

from attestation.digests import digest_of
from policy.launch_spec import LaunchRefused

from ..address import Address
from . import root_file_system

_REFERENCE = re.compile(
    r"(?P<host>[a-z0-9.-]+)/(?P<name>[a-z0-9._/-]+)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_TIMEOUT_S = 60
_CHUNK = 1024 * 1024
_LARGEST_MANIFEST = 4 * 1024 * 1024
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that was pulled. `digest` is what the reference names: an index's, where it is one."""

    digest: str
    image_id: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: Mapping[str, str]
    labels: Mapping[str, str]
    working_folder: str
    user: str


def pull(reference: str, *, token: str, address: Address, files: Path, whole: bool = False) -> Image:
    """The image of `reference`; its files under `/app` are in the folder `files`, or all of them, if `whole`.

    Raises:
        LaunchRefused: it cannot be pulled, or is not what its digests say; in containerd's words
            where the registry says no.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise _cannot_pull(f'failed to resolve reference "{reference}": invalid reference format')
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": address.proxy}
        session.verify = str(address.ca_file)
        session.headers["authorization"] = f"Bearer {token}"
        try:
            registry = _Repository(session, reference, match["host"], match["name"])
            return _pull(registry, match["digest"] or match["tag"] or "latest", files, whole=whole)
        except requests.RequestException:
            raise _cannot_pull(
                f'failed to resolve reference "{reference}": the registry did not answer'
            ) from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, tarfile.TarError, zlib.error) as error:
            raise _cannot_pull(f"the image is malformed: {type(error).__name__}") from None


class _Repository:
    def __init__(self, session: requests.Session, reference: str, host: str, name: str) -> None:
        self._session = session
        self._reference = reference
        self._url = f"https://{host}/v2/{name}"

    def manifest(self, tag_or_digest: str) -> tuple[str, bytes]:
        """Digest and bytes of a manifest or index."""
        url = f"{self._url}/manifests/{tag_or_digest}"
        accept = {"accept": ", ".join([*_MANIFESTS, *_INDEXES])}
        response = self._session.get(url, headers=accept, timeout=_TIMEOUT_S)
        self._check(response)
        if len(response.content) > _LARGEST_MANIFEST:
            raise _cannot_pull("the manifest is too large")
        digest = str(digest_of(response.content))
        asked = tag_or_digest if tag_or_digest.startswith("sha256:") else digest
        if digest != asked or response.headers.get("docker-content-digest", digest) != digest:
            raise _cannot_pull(f"the manifest's digest is {digest}, expected {asked}")
        return digest, response.content

    def blob(self, descriptor: Mapping[str, Any], into: IO[bytes]) -> None:
        """The blob of that descriptor is in the file, complete and with its digest."""
        response = self._session.get(
            f"{self._url}/blobs/{descriptor['digest']}", stream=True, timeout=_TIMEOUT_S
        )
        self._check(response)
        digest, size = hashlib.sha256(), 0
        for chunk in response.iter_content(_CHUNK):
            size += len(chunk)
            if size > descriptor["size"]:
                break
            digest.update(chunk)
            into.write(chunk)
        found = f"sha256:{digest.hexdigest()}"
        if found != descriptor["digest"] or size != descriptor["size"]:
            raise _cannot_pull(f"a blob's digest is {found}, expected {descriptor['digest']}")
        into.seek(0)

    def _check(self, response: requests.Response) -> None:
        if response.status_code == requests.codes.not_found:
            raise _cannot_pull(
                f'failed to resolve reference "{self._reference}": {self._reference}: not found'
            )
        if response.status_code != requests.codes.ok:
            raise _cannot_pull(
                f'failed to resolve reference "{self._reference}": unexpected status from GET request to '
                f"{response.url}: {response.status_code} {response.reason}"
            )


def _pull(registry: _Repository, tag_or_digest: str, files: Path, *, whole: bool) -> Image:
    digest, body = registry.manifest(tag_or_digest)
    manifest = json.loads(body)
    if "manifests" in manifest:
        platform = next(
            entry
            for entry in manifest["manifests"]
            if entry.get("platform", {}).get("os") == "linux"
            and entry["platform"].get("architecture") == "amd64"
        )
        manifest = json.loads(registry.manifest(platform["digest"])[1])
    with tempfile.TemporaryFile() as file:
        registry.blob(manifest["config"], file)
        document = json.loads(file.read())
    files.mkdir(parents=True)
    for layer, diff_id in zip(manifest["layers"], document["rootfs"]["diff_ids"], strict=True):
        with tempfile.TemporaryFile() as file:
            registry.blob(layer, file)
            gzipped = "gzip" in layer["mediaType"]
            unpack_layer(file, files, diff_id=diff_id, gzipped=gzipped, whole=whole)
    return _image(digest, manifest["config"]["digest"], document.get("config") or {})


def _image(digest: str, image_id: str, config: Mapping[str, Any]) -> Image:
    return Image(
        digest=digest,
        image_id=image_id,
        entrypoint=tuple(config.get("Entrypoint") or ()),
        cmd=tuple(config.get("Cmd") or ()),
        env=dict(variable.split("=", 1) for variable in config.get("Env") or ()),
        labels=dict(config.get("Labels") or {}),
        working_folder=config.get("WorkingDir") or "/",
        user=config.get("User") or "",
    )


def unpack_layer(layer: IO[bytes], files: Path, *, diff_id: str, gzipped: bool, whole: bool = False) -> None:
    """The layer's files under `/app` are in `files`, or all of them, if `whole`; none has gone anywhere else.

    Raises:
        LaunchRefused: the uncompressed layer's digest is not `diff_id`.
        tarfile.TarError: it is not a tar archive, or a member would leave `files`.
    """
    stream = _Hashing(layer, gzipped=gzipped)
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        if whole:
            root_file_system.unpack(archive, files)
        else:
            _unpack_app(archive, files)
    found = stream.digest()
    if found != diff_id:
        raise _cannot_pull(f"a layer's uncompressed digest is {found}, expected {diff_id}")


def _unpack_app(archive: tarfile.TarFile, app: Path) -> None:
    archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _app: member)
    for member in archive:
        path = PurePosixPath("/", member.name)
        if not path.is_relative_to("/app") or path == PurePosixPath("/app"):
            continue
        if ".." in path.parts:
            raise tarfile.TarError(f"{member.name!r} would be outside the container's files")
        relative = path.relative_to("/app")
        if relative.name.startswith(_WHITEOUT):
            _white_out(app / relative)
            continue
        archive.extract(_below_app(member, relative, app), app)


def _below_app(member: tarfile.TarInfo, relative: PurePosixPath, app: Path) -> tarfile.TarInfo:
    """The member under its name in `app`, as a file of this user's own.

    Python has a filter for this as well, though not on Debian 12 (3.11.2).

    Raises:
        tarfile.TarError: it is a device, or it or what it links to would be outside `app`.
    """
    below = copy.copy(member)
    below.name = str(relative)
    below.mode &= 0o755
    below.uid, below.gid, below.uname, below.gname = os.getuid(), os.getgid(), "", ""
    places = [app / relative]
    if member.islnk():
        below.linkname = str(PurePosixPath("/", member.linkname).relative_to("/app"))
        places.append(app / below.linkname)
    elif member.issym():
        places.append(app / relative.parent / member.linkname)
    elif not (member.isfile() or member.isdir()):
        raise tarfile.TarError(f"{member.name!r} is neither file, folder nor link")
    if not all(place.resolve().is_relative_to(app.resolve()) for place in places):
        raise tarfile.TarError(f"{member.name!r} would be outside the container's files")
    return below


def _white_out(marker: Path) -> None:
    """The files that a lower layer had there are gone."""
    gone = (
        list(marker.parent.iterdir())
        if marker.name == _OPAQUE
        else [marker.with_name(marker.name[len(_WHITEOUT) :])]
    )
    for path in gone:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class _Hashing:
    """A layer's uncompressed bytes, hashed as they are read."""

    def __init__(self, file: IO[bytes], *, gzipped: bool) -> None:
        self._file = file
        self._gunzip = zlib.decompressobj(wbits=31) if gzipped else None
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        while chunk := self._more(size):
            data = self._gunzip.decompress(chunk, size) if self._gunzip else chunk
            if data:
                self._hash.update(data)
                return data
        return b""

    def _more(self, size: int) -> bytes:
        if self._gunzip and self._gunzip.unconsumed_tail:
            return self._gunzip.unconsumed_tail
        return self._file.read(size)

    def digest(self) -> str:
        """The digest of all uncompressed bytes, those behind the archive's end included."""
        while self.read(_CHUNK):
            pass
        return f"sha256:{self._hash.hexdigest()}"


def _cannot_pull(reason: str) -> LaunchRefused:
    return LaunchRefused(f"cannot pull the image: {reason}")
