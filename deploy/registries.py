"""Images read from any registry: Artifact Registry as whoever signed in, another one as nobody in particular.

What is fetched is an image that somebody named by its digest, so it matters little who serves it. Google's
access token is sent to Google's registry alone.

Source: opencontainers/distribution-spec v1.1, "Pull"; distribution/distribution,
docs/content/spec/auth/token.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

import requests

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import Denied, EvidenceRejected, Misconfigured, Unavailable

from .engines import Base
from .google_api import GoogleApi
from .layout import Layout, for_linux_on_amd64, image_in
from .push import MANIFESTS, ImageReference

_TIMEOUT_S: Final = 60
_CHUNK: Final = 1 << 20
_LARGEST_DOCUMENT: Final = 4 << 20
_LARGEST_IMAGE: Final = 32 << 30
_AS_THEY_ARE: Final = {"accept-encoding": "identity"}
"""A digest is of the bytes as they lie there."""
_GOOGLES: Final = re.compile(r"[a-z0-9-]{1,60}-docker\.pkg\.dev")
_NAME: Final = re.compile(
    r"(?P<host>[a-z0-9.-]+\.[a-z0-9.-]+(?::\d+)?)/(?P<name>[a-z0-9._-]+(?:/[a-z0-9._-]+)*)(?::[\w.-]+)?"
)
_HOSTS: Final = {"docker.io": "registry-1.docker.io"}
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


class Registry(Protocol):
    """One registry: an answer to a GET, whose body may be read in pieces."""

    def get(self, url: str, *, doing: str, headers: Mapping[str, str]) -> requests.Response: ...


def pull(
    base: Base, folder: Path, *, api: GoogleApi, on_pulled: Callable[[str], None] = lambda digest: None
) -> Layout:
    """The base's image for linux/amd64, whole, is an OCI layout in `folder`; each blob has its digest.

    `on_pulled` hears of each blob that is there.

    Raises:
        Misconfigured: the name is none of a registry's image, or there is no such image.
        EvidenceRejected: the registry serves other bytes than the digest names.
        Denied, Unavailable: as the registry answers.
    """
    found = _NAME.fullmatch(base.name)
    if found is None:
        raise Misconfigured(
            f"the base `{base.name}` names no registry to fetch it from",
            hint="write HOST/NAME@sha256:…, or oci:FOLDER@sha256:… for an OCI layout on this machine",
        )
    host = _HOSTS.get(found["host"], found["host"])
    registry: Registry = _Googles(api) if _GOOGLES.fullmatch(host) else _Anybodys()
    pulled = _Pull(registry, f"https://{host}/v2/{found['name']}", str(base), folder, on_pulled)
    _, digest = pulled.image(base.digest)
    return image_in(folder, digest)


def fetch_image(
    api: GoogleApi,
    reference: ImageReference,
    folder: Path,
    *,
    on_fetched: Callable[[str], None] = lambda digest: None,
) -> Digest:
    """`folder` is an OCI layout of an image in Artifact Registry, whole. The digest of what was asked for.

    That is an index's, where the image is of several platforms: the one in the layout is linux/amd64's.

    Raises:
        NotFound: there is no such image.
        EvidenceRejected, Misconfigured, Denied, Unavailable: as `pull` does.
    """
    url = f"https://{reference.host}/v2/{reference.name}"
    pulled = _Pull(_Googles(api), url, str(reference), folder, on_fetched)
    asked, digest = pulled.image(reference.version)
    size = (folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).stat().st_size
    index = {"schemaVersion": 2, "manifests": [{"digest": digest, "size": size, **pulled.kind}]}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    return asked


class _Pull:
    """One image on its way into a folder."""

    def __init__(
        self, registry: Registry, url: str, name: str, folder: Path, on_pulled: Callable[[str], None]
    ) -> None:
        self._registry, self._url, self._name, self._on_pulled = registry, url, name, on_pulled
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self.kind: dict[str, str] = {}
        """The media type of the image's manifest, where it says one."""

    def image(self, version: str) -> tuple[Digest, Digest]:
        """The image of that digest or tag, for linux/amd64, is in the folder: what was asked for, and it."""
        asked, document = self._manifest(version)
        digest = asked
        try:
            if "manifests" in document:
                digest, document = self._manifest(for_linux_on_amd64(document))
            wanted = {
                parse_digest(each["digest"]): int(each["size"])
                for each in (document["config"], *document["layers"])
            }
        except (LookupError, TypeError, ValueError, AttributeError):
            raise self._no_image() from None
        if any(size < 0 for size in wanted.values()) or sum(wanted.values()) > _LARGEST_IMAGE:
            raise Misconfigured(
                f"`{self._name}` says that it has {sum(wanted.values()):,} bytes",
                hint=f"at most {_LARGEST_IMAGE:,} are fetched",
            )
        self.kind = {"mediaType": str(document["mediaType"])} if "mediaType" in document else {}
        for blob, size in wanted.items():
            self._blob(blob, size)
        return asked, digest

    def _manifest(self, version: str) -> tuple[Digest, dict[str, Any]]:
        """The manifest or index, kept as a blob, and its digest."""
        url, accept = f"{self._url}/manifests/{version}", {"accept": ", ".join(MANIFESTS)}
        data = bytearray()
        for chunk in self._chunks(url, {**accept, **_AS_THEY_ARE}):
            data += chunk
            if len(data) > _LARGEST_DOCUMENT:
                raise self._no_image()
        digest = digest_of(bytes(data))
        if version.startswith("sha256:") and version != digest:
            raise _other_bytes(version, digest)
        (self._blobs / digest.removeprefix("sha256:")).write_bytes(bytes(data))
        self._on_pulled(digest)
        try:
            return digest, dict(json.loads(data))
        except (ValueError, TypeError, RecursionError):
            raise self._no_image() from None

    def _blob(self, digest: Digest, size: int) -> None:
        """The blob of that digest is in its file, or nothing is; no more is read than its size."""
        target = self._blobs / digest.removeprefix("sha256:")
        if target.exists():
            return
        draft, counted, length = target.with_suffix(".part"), hashlib.sha256(), 0
        with draft.open("wb") as file:
            for chunk in self._chunks(f"{self._url}/blobs/{digest}", _AS_THEY_ARE):
                length += len(chunk)
                if length > size:
                    break
                counted.update(chunk)
                file.write(chunk)
        if length != size or f"sha256:{counted.hexdigest()}" != digest:
            draft.unlink()
            raise _other_bytes(digest, f"sha256:{counted.hexdigest()}")
        draft.replace(target)
        self._on_pulled(digest)

    def _no_image(self) -> Misconfigured:
        return Misconfigured(
            f"`{self._name}` is no image that a launcher can run",
            hint="it has to be one of OCI's or of Docker's, for linux/amd64: is it the right digest?",
        )

    def _chunks(self, url: str, headers: Mapping[str, str]) -> Iterator[bytes]:
        doing = f"fetching `{self._name}`"
        try:
            yield from self._registry.get(url, doing=doing, headers=headers).iter_content(_CHUNK)
        except requests.RequestException:
            raise Unavailable(f"the connection broke {doing}", hint="try again") from None


class _Googles:
    """Artifact Registry; where a blob lies elsewhere, that place is told nothing of our token."""

    def __init__(self, api: GoogleApi) -> None:
        self._api = api

    def get(self, url: str, *, doing: str, headers: Mapping[str, str]) -> requests.Response:
        answer = self._api.send(
            "GET", url, doing=doing, headers=dict(headers), may_lead_elsewhere=True, stream=True
        )
        if not answer.is_redirect:
            return answer
        place = urljoin(url, answer.headers["location"])
        if urlsplit(place).netloc == urlsplit(url).netloc:
            return self._api.send("GET", place, doing=doing, stream=True, headers=dict(headers))
        return _plain_get(requests.Session(), place, doing=doing, headers=headers)


class _Anybodys:
    """A registry that lets anybody read: with the token that it gives to whoever asks, where it wants one."""

    def __init__(self) -> None:
        self._session = requests.Session()

    def get(self, url: str, *, doing: str, headers: Mapping[str, str]) -> requests.Response:
        answer = _try_get(self._session, url, doing=doing, headers=headers)
        if answer.status_code == requests.codes.unauthorized:
            token = self._token(answer.headers.get("www-authenticate", ""), doing)
            self._session.headers["authorization"] = f"Bearer {token}"
            answer = _try_get(self._session, url, doing=doing, headers=headers)
        return _checked(answer, doing)

    def _token(self, challenge: str, doing: str) -> str:
        asked = dict(_PARAMETER.findall(challenge))
        realm = asked.pop("realm", "")
        if not challenge.lower().startswith("bearer ") or not realm.startswith("https://"):
            raise _not_for_anybody(doing)
        wanted = {name: asked[name] for name in ("service", "scope") if name in asked}
        answer = _plain_get(requests.Session(), realm, doing=doing, headers={}, parameters=wanted)
        try:
            document = answer.json()
            return str(document.get("token") or document["access_token"])
        except (ValueError, LookupError, AttributeError):
            raise _not_for_anybody(doing) from None


def _plain_get(
    session: requests.Session,
    url: str,
    *,
    doing: str,
    headers: Mapping[str, str],
    parameters: Mapping[str, str] | None = None,
) -> requests.Response:
    return _checked(_try_get(session, url, doing=doing, headers=headers, parameters=parameters), doing)


def _try_get(
    session: requests.Session,
    url: str,
    *,
    doing: str,
    headers: Mapping[str, str],
    parameters: Mapping[str, str] | None = None,
) -> requests.Response:
    try:
        return session.get(
            url, headers=dict(headers), params=dict(parameters or {}), timeout=_TIMEOUT_S, stream=True
        )
    except requests.RequestException:
        raise Unavailable(
            f"the registry did not answer {doing}", hint="look at the network, then try again"
        ) from None


def _checked(answer: requests.Response, doing: str) -> requests.Response:
    if answer.status_code == requests.codes.ok:
        return answer
    if answer.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
        raise _not_for_anybody(doing)
    if answer.status_code == requests.codes.not_found:
        raise Misconfigured(f"there is nothing there: {doing}", hint="is it the right name and digest?")
    raise Unavailable(f"the registry answered {doing} with {answer.status_code}", hint="try again later")


def _not_for_anybody(doing: str) -> Denied:
    return Denied(
        f"the registry does not let everybody read: {doing}",
        hint="fetch it yourself, `skopeo copy docker://NAME oci:base:base`, and give oci:base@sha256:…",
    )


def _other_bytes(asked: str, found: str) -> EvidenceRejected:
    return EvidenceRejected(f"the registry answers `{asked}` with `{found}`", hint="do not use this registry")
