"""An image's way into a registry and back, request by request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected, Misconfigured
from deploy.google_api import GoogleApi, NotFound
from deploy.image import ImageLayout, build_image
from deploy.push import parse_image_reference, push, resolve

HOST = "https://us-docker.pkg.dev"
REFERENCE = parse_image_reference("us-docker.pkg.dev/primus/repo/workload:v1")
MISSING: tuple[int, object] = (404, {"errors": [{"code": "BLOB_UNKNOWN", "message": "blob unknown"}]})
Answering = Callable[..., None]


@pytest.fixture
def image(tmp_path: Path) -> ImageLayout:
    source = tmp_path / "source"
    (source / "deploy").mkdir(parents=True)
    (source / "deploy" / "Dockerfile").write_text("FROM base\nCOPY terms.toml /app/terms.toml\n")
    return build_image(tmp_path / "layout", terms=b"", source=source)


def blob(image: ImageLayout, digest: str) -> Path:
    return image.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("us-docker.pkg.dev/p/r/i:v1", "v1"),
        ("us-docker.pkg.dev/p/r/i", "latest"),
        ("us-docker.pkg.dev/example.com:p/r/a/i:v1", "v1"),
        ("europe-west4-docker.pkg.dev/p/r/i:v1@sha256:" + "0" * 64, "sha256:" + "0" * 64),
    ],
)
def test_a_reference_names_a_version(text: str, version: str) -> None:
    assert parse_image_reference(text).version == version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "docker.io/library/python:3.11",
        "us-docker.pkg.dev.evil.example/p/r/i:v1",
        "evil.example/us-docker.pkg.dev/p/r/i:v1",
        "user@us-docker.pkg.dev/p/r/i:v1",
        "us-docker.pkg.dev:8443/p/r/i:v1",
        "us-docker.pkg.dev/p/r:v1",
        "us-docker.pkg.dev/p/r/i@sha256:00",
        "us-docker.pkg.dev/p/r/i:v1\n",
        "us-docker.pkg.dev/p/r/i:v1?x",
    ],
)
def test_a_token_is_never_sent_to_another_registry(text: str) -> None:
    with pytest.raises(Misconfigured):
        parse_image_reference(text)


def test_what_the_registry_lacks_is_sent_and_then_named(
    api: GoogleApi, answering: Answering, google: Any, image: ImageLayout
) -> None:
    google.headers["location"] = "/upload/1?state=x"
    manifest = blob(image, image.manifest).read_bytes()
    answering(MISSING, (202, b""), (201, b""), (200, b""), (201, b""), (200, manifest))
    assert push(api, image.folder, REFERENCE) == image.manifest
    assert google.asked == [
        f"HEAD {HOST}/v2/primus/repo/workload/blobs/{image.config}",
        f"POST {HOST}/v2/primus/repo/workload/blobs/uploads/",
        f"PUT {HOST}/upload/1?state=x&digest={image.config}",
        f"HEAD {HOST}/v2/primus/repo/workload/blobs/{image.layer}",
        f"PUT {HOST}/v2/primus/repo/workload/manifests/v1",
        f"GET {HOST}/v2/primus/repo/workload/manifests/v1",
    ]
    sent = google.sent[2].body
    assert (
        b"".join(sent) == b"".join(sent) == blob(image, image.config).read_bytes()
    )  # a second try has it whole
    assert google.sent[4].headers["content-type"] == "application/vnd.oci.image.manifest.v1+json"


def test_a_blob_that_is_kept_elsewhere_is_not_sent_again(
    api: GoogleApi, answering: Answering, google: Any, image: ImageLayout
) -> None:
    manifest = blob(image, image.manifest).read_bytes()
    answering((307, b""), (307, b""), (201, b""), (200, manifest))
    push(api, image.folder, REFERENCE)
    assert [request.method for request in google.sent] == ["HEAD", "HEAD", "PUT", "GET"]


@pytest.mark.parametrize(
    ("location", "put"),
    [
        ("/upload/1", "/upload/1?digest="),
        ("/upload/1?state=x%2Fy", "/upload/1?state=x%2Fy&digest="),
        (f"{HOST}/upload/1", "/upload/1?digest="),
    ],
)
def test_an_upload_goes_where_the_registry_says(
    api: GoogleApi, answering: Answering, google: Any, image: ImageLayout, location: str, put: str
) -> None:
    google.headers["location"] = location
    manifest = blob(image, image.manifest).read_bytes()
    answering(MISSING, (202, b""), (201, b""), (200, b""), (201, b""), (200, manifest))
    push(api, image.folder, REFERENCE)
    assert google.asked[2] == f"PUT {HOST}{put}{image.config}"


def test_an_upload_elsewhere_is_refused(
    api: GoogleApi, answering: Answering, google: Any, image: ImageLayout
) -> None:
    google.headers["location"] = "https://evil.example/upload"
    answering(MISSING, (202, b""))
    with pytest.raises(EvidenceRejected, match=r"another host: `evil\.example`"):
        push(api, image.folder, REFERENCE)


def test_a_registry_that_serves_something_else_is_noticed(
    api: GoogleApi, answering: Answering, image: ImageLayout
) -> None:
    answering((200, b""), (200, b""), (201, b""), (200, b"another manifest"))
    with pytest.raises(EvidenceRejected, match="another image"):
        push(api, image.folder, REFERENCE)


def test_a_layout_that_was_changed_is_not_pushed(
    api: GoogleApi, answering: Answering, google: Any, image: ImageLayout
) -> None:
    path = blob(image, image.layer)
    path.write_bytes(path.read_bytes() + b"\0")
    answering((200, b""))
    with pytest.raises(EvidenceRejected, match="was changed"):
        push(api, image.folder, REFERENCE)
    assert not [request for request in google.sent if request.method == "PUT"]


def test_a_digest_is_counted_not_believed(api: GoogleApi, answering: Answering, google: Any) -> None:
    google.headers["docker-content-digest"] = "sha256:" + "0" * 64
    served = json.dumps({"schemaVersion": 2}).encode()
    answering((200, served))
    assert resolve(api, REFERENCE) == digest_of(served)
    assert "application/vnd.oci.image.index.v1+json" in google.sent[0].headers["accept"]


def test_a_pinned_reference_accepts_its_digest_alone(api: GoogleApi, answering: Answering) -> None:
    pinned = parse_image_reference(f"us-docker.pkg.dev/p/r/i@{digest_of(b'right')}")
    answering((200, b"right"))
    assert resolve(api, pinned) == digest_of(b"right")
    answering((200, b"wrong"))
    with pytest.raises(EvidenceRejected):
        resolve(api, pinned)


def test_an_image_that_is_not_there_is_not_found(api: GoogleApi, answering: Answering) -> None:
    answering((404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}))
    with pytest.raises(NotFound, match="manifest unknown"):
        resolve(api, REFERENCE)
