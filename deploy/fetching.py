"""An image as its registry serves it, whole, in a folder: nothing is believed that no digest covers.

Source: opencontainers/distribution-spec v1.1, "Pulling manifests" and "Pulling blobs".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable

from .google_api import GoogleApi
from .push import MANIFESTS, ImageReference

_TIMEOUT_S: Final = 60
_CHUNK: Final = 1 << 20
_LARGEST_DOCUMENT: Final = 4 << 20
_LARGEST_IMAGE: Final = 32 << 30
_AS_THEY_ARE: Final = {"accept-encoding": "identity"}
"""A digest is of the bytes as they lie there."""


def fetch_image(
    api: GoogleApi,
    reference: ImageReference,
    folder: Path,
    *,
    on_fetched: Callable[[Digest], None] = lambda digest: None,
) -> Digest:
    """`folder` is an OCI layout of the image: of several platforms, linux/amd64's. The reference's digest.

    It is an index's, where there are several. `on_fetched` hears of each blob that is there.

    Raises:
        NotFound: there is no such image.
        EvidenceRejected: the registry serves other bytes than a digest names.
        Misconfigured: it is no image, or none for linux/amd64, or one larger than any that is audited.
        Denied, Unavailable: as the registry answers.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    asked, data = _manifest(api, reference)
    document = _members(data, reference)
    digest = asked
    try:
        if "manifests" in document:
            digest = parse_digest(_for_linux_on_amd64(document["manifests"]))
            _, data = _manifest(api, replace(reference, digest=digest))
            document = _members(data, reference)
        descriptors = [document["config"], *document["layers"]]
        wanted = {parse_digest(each["digest"]): int(each["size"]) for each in descriptors}
    except (LookupError, TypeError, ValueError, AttributeError, StopIteration):
        raise _no_image(reference) from None
    if any(size < 0 for size in wanted.values()) or sum(wanted.values()) > _LARGEST_IMAGE:
        raise Misconfigured(
            f"`{reference}` says that it has {sum(wanted.values()):,} bytes",
            hint=f"at most {_LARGEST_IMAGE:,} are fetched",
        )
    for blob, size in wanted.items():
        _fetch_blob(api, reference, blob, size, blobs)
        on_fetched(blob)
    (blobs / digest.removeprefix("sha256:")).write_bytes(data)
    index = {"schemaVersion": 2, "manifests": [{"digest": digest, "size": len(data), **_kind(document)}]}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    return asked


def _kind(document: dict[str, Any]) -> dict[str, str]:
    return {"mediaType": str(document["mediaType"])} if "mediaType" in document else {}


def _manifest(api: GoogleApi, reference: ImageReference) -> tuple[Digest, bytes]:
    response = api.send(
        "GET",
        f"https://{reference.host}/v2/{reference.name}/manifests/{reference.version}",
        doing=f"fetching `{reference}`",
        headers={"accept": ", ".join(MANIFESTS), **_AS_THEY_ARE},
    )
    digest = digest_of(response.content)
    if reference.digest not in (None, digest) or len(response.content) > _LARGEST_DOCUMENT:
        raise _other_bytes(str(reference.digest), digest)
    return digest, response.content


def _members(data: bytes, reference: ImageReference) -> dict[str, Any]:
    try:
        return dict(json.loads(data))
    except (ValueError, TypeError, RecursionError):
        raise _no_image(reference) from None


def _for_linux_on_amd64(manifests: list[dict[str, Any]]) -> str:
    platforms = ((each["digest"], each.get("platform") or {}) for each in manifests)
    return next(
        str(digest)
        for digest, platform in platforms
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64")
    )


def _fetch_blob(api: GoogleApi, reference: ImageReference, digest: Digest, size: int, folder: Path) -> None:
    """The blob is in its file, once its bytes were counted."""
    draft, counted, length = folder / "draft", hashlib.sha256(), 0
    with draft.open("wb") as file:
        for chunk in _chunks(api, reference, digest):
            length += len(chunk)
            if length > size:
                break
            counted.update(chunk)
            file.write(chunk)
    if length != size or f"sha256:{counted.hexdigest()}" != digest:
        draft.unlink()
        raise _other_bytes(digest, f"sha256:{counted.hexdigest()}")
    draft.replace(folder / digest.removeprefix("sha256:"))


def _chunks(api: GoogleApi, reference: ImageReference, digest: Digest) -> Iterator[bytes]:
    """The blob, from the registry or from where it sends us, which is told nothing of our token."""
    doing = f"fetching a layer of `{reference}`"
    url = f"https://{reference.host}/v2/{reference.name}/blobs/{digest}"
    response = api.send("GET", url, doing=doing, may_lead_elsewhere=True, stream=True, headers=_AS_THEY_ARE)
    try:
        if response.is_redirect:
            place = urljoin(url, response.headers["location"])
            if urlsplit(place).netloc == reference.host:
                response = api.send("GET", place, doing=doing, stream=True, headers=_AS_THEY_ARE)
            else:
                response = requests.get(place, timeout=_TIMEOUT_S, stream=True, headers=_AS_THEY_ARE)
                response.raise_for_status()
        yield from response.iter_content(_CHUNK)
    except requests.RequestException:
        raise Unavailable(f"the registry broke off {doing}", hint="try again") from None


def _no_image(reference: ImageReference) -> Misconfigured:
    return Misconfigured(
        f"`{reference}` is no image that a launcher can run",
        hint="it has to be an image of OCI's or of Docker's, for linux/amd64",
    )


def _other_bytes(asked: str, found: str) -> EvidenceRejected:
    return EvidenceRejected(f"the registry answers `{asked}` with `{found}`", hint="do not use this registry")
