"""A base is fetched whole from whichever registry its name says, and nothing of it is believed unread."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from attestation.digests import Digest, digest_of
from attestation.errors import Denied, EvidenceRejected, Misconfigured, SymbolonError, Unavailable
from deploy.engines import Base
from deploy.google_api import GoogleApi
from deploy.registries import pull
from tests.deploy.bases import base, layer, put

LAYER = layer(["etc/passwd"])
V2 = "https://registry-1.docker.io/v2/library/python"
Serving = Callable[..., Any]
CHALLENGE = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:x:pull"'
)


class Anybodys:
    """Registries that anybody may read: `served` by URL; `asked` keeps URL and authorization."""

    def __init__(self) -> None:
        self.served: dict[str, bytes | tuple[int, bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        self.wants_token = ""
        self.challenge = CHALLENGE

    def get(self, session: requests.Session, url: str, **request: Any) -> requests.Response:
        headers = {**session.headers, **request.get("headers", {})}
        said = str(headers.get("authorization", ""))
        self.asked.append((url, said))
        response = requests.Response()
        served = self.served.get(url, (404, b""))
        response.status_code, data = served if isinstance(served, tuple) else (200, served)
        response.raw = io.BytesIO(data)
        if self.wants_token and "/v2/" in url and said != f"Bearer {self.wants_token}":
            response.status_code = 401
            response.headers["www-authenticate"] = self.challenge
        return response


@pytest.fixture
def anybodys(monkeypatch: pytest.MonkeyPatch) -> Anybodys:
    found = Anybodys()
    monkeypatch.setattr(requests.Session, "get", lambda self, url, **more: found.get(self, url, **more))
    return found


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A layout whose blobs registries serve."""
    base(tmp_path / "there", LAYER)
    return tmp_path / "there"


def manifest_of(folder: Path) -> Digest:
    (found,) = [
        f"sha256:{path.name}"
        for path in (folder / "blobs" / "sha256").iterdir()
        if b'"layers": [' in path.read_bytes()
    ]
    return Digest(found)


def serve(registry: Anybodys, folder: Path, url: str = V2) -> None:
    for path in (folder / "blobs" / "sha256").iterdir():
        for kind in ("manifests", "blobs"):
            registry.served[f"{url}/{kind}/sha256:{path.name}"] = path.read_bytes()


def named(digest: str, name: str = "docker.io/library/python:3.11-slim") -> Base:
    return Base(name=name, digest=Digest(digest))


def test_a_base_is_fetched_whole_by_its_digest(
    api: GoogleApi, anybodys: Anybodys, there: Path, tmp_path: Path, google: Any
) -> None:
    serve(anybodys, there)
    digest, heard = manifest_of(there), list[str]()
    found = pull(named(digest), tmp_path / "here", api=api, on_pulled=heard.append)
    assert found.digest == digest
    assert {path.name for path in (tmp_path / "here/blobs/sha256").iterdir()} == {
        path.name for path in (there / "blobs/sha256").iterdir()
    }
    assert heard == [digest, *found.blobs]
    assert not google.asked


def test_of_an_index_the_image_for_our_machine_is_fetched(
    api: GoogleApi, anybodys: Anybodys, there: Path, tmp_path: Path
) -> None:
    image = manifest_of(there)
    platforms = [("arm64", "sha256:" + "0" * 64), ("amd64", image)]
    index = put(
        there,
        json.dumps(
            {
                "manifests": [
                    {"digest": digest, "platform": {"os": "linux", "architecture": machine}}
                    for machine, digest in platforms
                ]
            }
        ).encode(),
    )
    serve(anybodys, there)
    assert pull(named(index), tmp_path / "here", api=api).digest == image


def test_a_registry_that_wants_a_token_gets_the_one_that_it_gives_to_anybody(
    api: GoogleApi, anybodys: Anybodys, there: Path, tmp_path: Path
) -> None:
    serve(anybodys, there)
    anybodys.wants_token = "for-anybody"
    anybodys.served["https://auth.docker.io/token"] = b'{"token": "for-anybody"}'
    pull(named(manifest_of(there)), tmp_path / "here", api=api)
    tokens = [said for url, said in anybodys.asked if url == "https://auth.docker.io/token"]
    assert tokens == [""]
    assert not any("a-token" in said for _, said in anybodys.asked)


def test_google_s_registry_gets_our_token_and_where_it_leads_elsewhere_that_place_does_not(
    api: GoogleApi,
    answering: Callable[..., None],
    google: Any,
    anybodys: Anybodys,
    there: Path,
    tmp_path: Path,
) -> None:
    digest = manifest_of(there)
    document = json.loads((there / "blobs/sha256" / digest[7:]).read_bytes())
    config, (below,) = document["config"]["digest"], document["layers"]
    blobs = {
        each: (there / "blobs/sha256" / each[7:]).read_bytes() for each in (digest, config, below["digest"])
    }
    google.headers = {"location": "https://storage.example/blob"}
    answering(blobs[digest], blobs[config], (302, b""))
    anybodys.served["https://storage.example/blob"] = blobs[below["digest"]]
    pull(named(digest, "us-docker.pkg.dev/primus/bases/python"), tmp_path / "here", api=api)
    assert [request.headers["authorization"] for request in google.sent] == ["Bearer a-token"] * 3
    assert anybodys.asked == [("https://storage.example/blob", "")]


def test_a_blob_that_leads_elsewhere_in_google_s_registry_is_fetched_there_with_our_token(
    api: GoogleApi, answering: Callable[..., None], google: Any, there: Path, tmp_path: Path
) -> None:
    digest = manifest_of(there)
    document = json.loads((there / "blobs/sha256" / digest[7:]).read_bytes())
    names = (digest, document["config"]["digest"], document["layers"][0]["digest"])
    manifest, config, below = ((there / "blobs/sha256" / each[7:]).read_bytes() for each in names)
    google.headers = {"location": "/elsewhere"}
    answering(manifest, (307, b""), config, below)
    pull(named(digest, "us-docker.pkg.dev/primus/bases/python"), tmp_path / "here", api=api)
    assert google.asked[2] == "GET https://us-docker.pkg.dev/elsewhere"


REFUSED: dict[str, tuple[Callable[[Anybodys, Digest], None], type[SymbolonError], str]] = {
    "it is not there": (lambda registry, digest: registry.served.clear(), Misconfigured, "nothing there"),
    "the manifest is another": (
        lambda registry, digest: registry.served.update({f"{V2}/manifests/{digest}": b"{}"}),
        EvidenceRejected,
        "the registry answers",
    ),
    "a layer is another": (
        lambda registry, digest: registry.served.update(
            {url: b"x" for url in registry.served if "/blobs/" in url}
        ),
        EvidenceRejected,
        "the registry answers",
    ),
    "nobody may read": (
        lambda registry, digest: registry.served.update({f"{V2}/manifests/{digest}": (403, b"")}),
        Denied,
        "does not let everybody read",
    ),
    "it gives nobody a token": (
        lambda registry, digest: setattr(registry, "wants_token", "t"),
        Misconfigured,
        "nothing there",
    ),
    "its token is none": (
        lambda registry, digest: registry.__dict__.update(
            wants_token="t", served={**registry.served, "https://auth.docker.io/token": b"[]"}
        ),
        Denied,
        "does not let everybody read",
    ),
    "it sends us to a place that anybody on the way can be": (
        lambda registry, digest: registry.__dict__.update(
            wants_token="t", challenge=CHALLENGE.replace("https:", "http:")
        ),
        Denied,
        "does not let everybody read",
    ),
    "it wants a password": (
        lambda registry, digest: registry.__dict__.update(
            wants_token="t", challenge='Basic realm="https://x"'
        ),
        Denied,
        "does not let everybody read",
    ),
    "it fails": (
        lambda registry, digest: registry.served.update({f"{V2}/manifests/{digest}": (503, b"")}),
        Unavailable,
        "answered fetching .* with 503",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_fetched_is_one_line(
    api: GoogleApi, anybodys: Anybodys, there: Path, tmp_path: Path, name: str
) -> None:
    change, family, said = REFUSED[name]
    serve(anybodys, there)
    change(anybodys, manifest_of(there))
    with pytest.raises(family, match=said) as caught:
        pull(named(manifest_of(there)), tmp_path / "here", api=api)
    assert caught.value.hint
    assert not list((tmp_path / "here").rglob("*.part")) or family is EvidenceRejected


@pytest.mark.parametrize("document", [b"[]", b"no json", b"{}", b'{"manifests": []}'])
def test_what_is_no_image_is_said(
    api: GoogleApi, anybodys: Anybodys, tmp_path: Path, document: bytes
) -> None:
    anybodys.served[f"{V2}/manifests/{digest_of(document)}"] = document
    with pytest.raises(Misconfigured, match="is no image"):
        pull(named(digest_of(document)), tmp_path, api=api)


class Broken(io.BytesIO):
    def read(self, _size: int | None = -1, /) -> bytes:
        raise requests.exceptions.ChunkedEncodingError


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_a_connection_that_breaks_is_unavailable(
    api: GoogleApi,
    anybodys: Anybodys,
    there: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    serve(anybodys, there)
    whole = anybodys.get

    def breaking(session: requests.Session, url: str, **request: Any) -> requests.Response:
        answer = whole(session, url, **request)
        if f"/{kind}/" in url:
            answer.raw = Broken()
        return answer

    monkeypatch.setattr(anybodys, "get", breaking)
    with pytest.raises(Unavailable, match="the connection broke fetching"):
        pull(named(manifest_of(there)), tmp_path / "here", api=api)


def test_a_name_without_a_registry_is_refused(api: GoogleApi, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="names no registry"):
        pull(named("sha256:" + "0" * 64, "localhost/base"), tmp_path, api=api)


def test_a_registry_that_does_not_answer_is_unavailable(
    api: GoogleApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def get(_session: requests.Session, _url: str, **_more: Any) -> requests.Response:
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", get)
    with pytest.raises(Unavailable, match="did not answer"):
        pull(named("sha256:" + "0" * 64), tmp_path, api=api)
