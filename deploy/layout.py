"""An image as an OCI layout in a folder, read: nothing of it is believed that its digest does not cover.

Source: opencontainers/image-spec, image-layout.md and image-index.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DEEPEST = 3  # an image may stand in an index, and that in a layout's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The one image of an OCI layout; `digest` is its manifest's."""

    folder: Path
    digest: Digest
    media_type: str
    manifest: Mapping[str, Any]

    def blob(self, digest: str) -> bytes:
        """The blob of that digest.

        Raises:
            EvidenceRejected: it is another blob, or `digest` is none.
            Misconfigured: it is not there.
        """
        return _blob(self.folder, digest)

    def file(self, digest: str) -> Path:
        """Where the blob of that digest lies, once its digest was counted: memory need not hold it.

        Raises:
            EvidenceRejected: it is another blob, or `digest` is none.
            Misconfigured: it is not there.
        """
        name = parse_digest(digest)
        path = _path(self.folder, name)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise _absent(name) from None
        if f"sha256:{found}" != name:
            raise _changed(name)
        return path

    @property
    def blobs(self) -> tuple[Digest, ...]:
        """Everything that the manifest names, the configuration first."""
        named = (self.manifest["config"], *self.manifest["layers"])
        return tuple(parse_digest(descriptor["digest"]) for descriptor in named)

    @property
    def configuration(self) -> bytes:
        """The image's configuration, whose digest a token calls `image_id`.

        Raises:
            EvidenceRejected, Misconfigured: as `blob` does.
        """
        return self.blob(self.manifest["config"]["digest"])


def read_layout(folder: Path) -> Layout:
    """The one image that the layout in `folder` holds, indexes and attestations of builders aside.

    Raises:
        Misconfigured: there is no image there, or not one alone.
        EvidenceRejected: an index or the manifest is not what its digest says.
    """
    try:
        document, descriptor = _members((folder / "index.json").read_bytes()), {}
        for _ in range(_DEEPEST):
            if "manifests" not in document:
                break
            descriptor = _only_image(document)
            document = _members(_blob(folder, descriptor["digest"]))
        parse_digest(document["config"]["digest"])
        return Layout(
            folder=folder,
            digest=parse_digest(descriptor["digest"]),
            media_type=str(descriptor.get("mediaType", _MANIFEST)),
            manifest=document,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Misconfigured(
            "the folder is not an OCI layout of one image",
            hint="give the folder with `index.json` in it, or the image's configuration alone",
        ) from None


def image_in(folder: Path, digest: Digest) -> Layout:
    """The image of that digest, of those that a layout in `folder` holds; of an index, that for linux/amd64.

    The layout's own index is not read.

    Raises:
        Misconfigured: it is not there, or is no image for linux/amd64.
        EvidenceRejected: it is not what its digest says.
    """
    try:
        document = _members(_blob(folder, digest))
        if "manifests" in document:
            digest = for_linux_on_amd64(document)
            document = _members(_blob(folder, digest))
        for descriptor in (document["config"], *document["layers"]):
            parse_digest(descriptor["digest"])
        return Layout(
            folder=folder,
            digest=digest,
            media_type=str(document.get("mediaType", _MANIFEST)),
            manifest=document,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Misconfigured(
            f"`{digest}` is no image for linux/amd64",
            hint="is it the digest of an image, and of the right one?",
        ) from None


def for_linux_on_amd64(index: Mapping[str, Any]) -> Digest:
    """The digest of the index's image for the machine that it runs on.

    Raises:
        LookupError: it has none.
    """
    for each in index["manifests"]:
        platform = each.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return parse_digest(each["digest"])
    raise LookupError


def _only_image(index: Mapping[str, Any]) -> dict[str, Any]:
    """The one image of an index; an attestation that a builder put beside it is none."""
    (only,) = (each for each in index["manifests"] if each.get("platform", {}).get("os") != "unknown")
    return dict(only)


def _members(data: bytes) -> dict[str, Any]:
    return dict(json.loads(data))


def _blob(folder: Path, name: str) -> bytes:
    digest = parse_digest(name)
    try:
        data = _path(folder, digest).read_bytes()
    except FileNotFoundError:
        raise _absent(digest) from None
    if digest_of(data) != digest:
        raise _changed(digest)
    return data


def _path(folder: Path, digest: Digest) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _absent(digest: Digest) -> Misconfigured:
    return Misconfigured(
        f"the layout has no blob `{digest}`", hint="build the layout again, or copy it whole"
    )


def _changed(digest: Digest) -> EvidenceRejected:
    return EvidenceRejected(f"blob `{digest}` of the layout was changed", hint="build the layout again")
