"""An OCI layout's way into Artifact Registry, and a reference's way to its digest.

Source: opencontainers/distribution-spec v1.1, "Pushing" and "Pulling manifests".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured

from .google_api import GoogleApi, NotFound
from .layout import read_layout

_REFERENCE = re.compile(
    r"(?P<host>[a-z0-9-]{1,60}-docker\.pkg\.dev)"
    r"/(?P<name>[a-z0-9._:-]+(?:/[a-z0-9._-]+){2,})"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """An image in Artifact Registry; where both are given, the digest decides and the tag is decoration.

    INVARIANT: `host` is Google's, since the caller's access token is sent to it.
    """

    host: str
    name: str
    tag: str | None
    digest: Digest | None

    @property
    def repository(self) -> str:
        """The reference without tag and digest."""
        return f"{self.host}/{self.name}"

    @property
    def version(self) -> str:
        """How the registry's paths name the manifest."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        return (
            f"{self.repository}{f':{self.tag}' if self.tag else ''}{f'@{self.digest}' if self.digest else ''}"
        )


def parse_image_reference(text: str) -> ImageReference:
    """`text` names an image in Artifact Registry.

    >>> parse_image_reference("us-docker.pkg.dev/primus/repo/workload:v1").version
    'v1'

    Raises:
        Misconfigured: it does not, as another registry's image does not.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise Misconfigured(
            f"`{text[:200]}` is not an image in artifact registry",
            hint="write REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE:TAG, or @sha256:… for the tag",
        )
    digest = found["digest"]
    return ImageReference(
        host=found["host"],
        name=found["name"],
        tag=found["tag"],
        digest=None if digest is None else parse_digest(digest),
    )


def push(
    api: GoogleApi,
    layout: Path,
    reference: ImageReference,
    *,
    on_pushed: Callable[[Digest], None] = lambda digest: None,
) -> Digest:
    """The registry serves the layout's image under the reference; its digest. Nothing is sent twice.

    A layer is read from its file as it is sent, and never held. `on_pushed` hears of each blob that is there.

    Raises:
        Misconfigured: the layout holds no image, or not one alone.
        EvidenceRejected: a blob of the layout, or what the registry then serves, is not what it is named.
        Denied, Unavailable: as the registry answers.
    """
    image = read_layout(layout)
    manifest = image.blob(image.digest)
    for digest in image.blobs:
        _push_blob(api, reference, digest, _Sent(image.file(digest)))
        on_pushed(digest)
    api.send(
        "PUT",
        f"https://{reference.host}/v2/{reference.name}/manifests/{reference.version}",
        doing=f"pushing `{reference.repository}`",
        data=manifest,
        headers={"content-type": image.media_type},
    )
    if resolve(api, reference) != image.digest:
        raise EvidenceRejected(
            f"the registry serves another image than the one just pushed to `{reference.repository}`",
            hint="somebody else pushes to the same tag; push to one of your own",
        )
    return image.digest


def resolve(api: GoogleApi, reference: ImageReference) -> Digest:
    """The digest of what the registry serves under the reference, counted from the bytes themselves.

    For an image of several architectures it is the index's, as in the token.

    Raises:
        NotFound: there is no such image.
        EvidenceRejected: the reference has a digest, and the bytes have another.
        Denied, Unavailable: as the registry answers.
    """
    response = api.send(
        "GET",
        f"https://{reference.host}/v2/{reference.name}/manifests/{reference.version}",
        doing=f"resolving `{reference.repository}`",
        headers={"accept": ", ".join(MANIFESTS)},
    )
    digest = digest_of(response.content)
    if reference.digest not in (None, digest):
        raise EvidenceRejected(
            f"the registry answers `{reference.digest}` with `{digest}`", hint="do not use this registry"
        )
    return digest


class _Sent:
    """A file as the body of a request, from its beginning each time that the request is tried."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return self.path.stat().st_size

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def _push_blob(api: GoogleApi, reference: ImageReference, digest: Digest, data: _Sent) -> None:
    blobs = f"https://{reference.host}/v2/{reference.name}/blobs/"
    doing = f"pushing a blob to `{reference.repository}`"
    try:
        api.send("HEAD", blobs + digest, doing=doing)
    except NotFound:
        pass
    else:
        return
    begun = api.send("POST", blobs + "uploads/", doing=doing)
    # The place may be relative, and may have a query of its own.
    place = urlsplit(urljoin(begun.url, begun.headers.get("location", "")))
    if (place.scheme, place.netloc) != ("https", reference.host):
        raise EvidenceRejected(
            f"the registry wants the upload at another host: `{place.netloc[:100]}`",
            hint="the access token is sent to the registry alone",
        )
    api.send(
        "PUT",
        place._replace(query=f"{place.query}&digest={digest}".lstrip("&")).geturl(),
        doing=doing,
        data=data,
        headers={"content-type": "application/octet-stream"},
    )
