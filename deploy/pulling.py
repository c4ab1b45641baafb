"""An image as its registry serves it, large layers unread: nothing is believed that no digest covers.

Source: opencontainers/distribution-spec v1.1, "Pulling manifests" and "Pulling blobs";
opencontainers/image-spec, manifest.md, image-index.md and config.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable

from .google_api import GoogleApi
from .layout import for_linux_on_amd64
from .push import MANIFESTS, ImageReference

LARGEST_DOCUMENT: Final = 4 * 1024 * 1024
_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedImage:
    """What a launch reads of an image. `digest` is what the reference names: an index's, where it is one.

    `annotations` are those of the image's own manifest.
    """

    digest: Digest
    image_id: Digest
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[Mapping[str, Any], ...] = ()
    """Their descriptors, the lowest first."""


def read_image(api: GoogleApi, reference: ImageReference) -> PublishedImage:
    """The image that the registry serves under the reference now: of several architectures, AMD64's.

    Raises:
        NotFound: there is no such image.
        EvidenceRejected: a document is not what its digest says.
        Misconfigured: it is no image that a launcher can run.
        Denied, Unavailable: as the registry answers.
    """
    digest, document = read_manifest(api, reference)
    try:
        if "manifests" in document:
            _, document = read_manifest(api, replace(reference, digest=for_linux_on_amd64(document)))
        image_id = parse_digest(document["config"]["digest"])
        config = _members(read_blob(api, reference, image_id, what="the configuration")).get("config") or {}
        return PublishedImage(
            digest=digest,
            image_id=image_id,
            entrypoint=tuple(config.get("Entrypoint") or ()),
            cmd=tuple(config.get("Cmd") or ()),
            env=dict(variable.split("=", 1) for variable in config.get("Env") or ()),
            labels=dict(config.get("Labels") or {}),
            annotations=dict(document.get("annotations") or {}),
            layers=tuple(dict(layer) for layer in document.get("layers") or ()),
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise Misconfigured(
            f"`{reference.repository}` is no image that a launcher can run",
            hint="it has to be an image of OCI's or of Docker's, for linux/amd64",
        ) from None


def read_manifest(api: GoogleApi, reference: ImageReference) -> tuple[Digest, dict[str, Any]]:
    """The manifest or index that the registry serves under the reference, and its digest.

    Raises:
        NotFound: there is none.
        EvidenceRejected: the reference has a digest, and the bytes have another.
        Misconfigured: it is no JSON object.
        Denied, Unavailable: as the registry answers.
    """
    data = fetch_manifest(api, reference)
    try:
        return digest_of(data), _members(data)
    except (ValueError, TypeError, RecursionError):
        raise Misconfigured(f"`{reference}` is no image", hint="is it the right reference?") from None


def fetch_manifest(api: GoogleApi, reference: ImageReference) -> bytes:
    """The same, as it is served.

    Raises:
        SymbolonError: as `read_manifest` does.
    """
    response = api.send(
        "GET",
        f"https://{reference.host}/v2/{reference.name}/manifests/{reference.version}",
        doing=f"resolving `{reference}`",
        headers={"accept": ", ".join(MANIFESTS)},
    )
    digest = digest_of(response.content)
    if reference.digest not in (None, digest):
        raise _other_bytes(reference.digest, digest)
    return response.content


def read_blob(api: GoogleApi, reference: ImageReference, digest: Digest, *, what: str) -> bytes:
    """The blob, from the registry or from where it sends us, which is told nothing of our token.

    `what` it is of the image, in an error.

    Raises:
        EvidenceRejected: it has another digest, or is larger than a document.
        Denied, Unavailable: as the registry answers.
    """
    doing = f"reading {what} of `{reference}`"
    url = f"https://{reference.host}/v2/{reference.name}/blobs/{digest}"
    response = api.send("GET", url, doing=doing, may_lead_elsewhere=True)
    if response.is_redirect:
        place = urljoin(url, response.headers["location"])
        if urlsplit(place).netloc == reference.host:
            response = api.send("GET", place, doing=doing)
        else:
            response = _read_elsewhere(place, doing)
    data = response.content
    if len(data) > LARGEST_DOCUMENT or digest_of(data) != digest:
        raise _other_bytes(digest, digest_of(data))
    return data


def _read_elsewhere(place: str, doing: str) -> requests.Response:
    try:
        response = requests.get(place, timeout=_TIMEOUT_S)
        response.raise_for_status()
    except requests.RequestException:
        raise Unavailable(f"the registry's store did not answer {doing}", hint="try again") from None
    return response


def _members(data: bytes) -> dict[str, Any]:
    return dict(json.loads(data))


def _other_bytes(asked: str | None, found: str) -> EvidenceRejected:
    return EvidenceRejected(f"the registry answers `{asked}` with `{found}`", hint="do not use this registry")
