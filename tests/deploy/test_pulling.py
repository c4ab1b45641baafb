"""An image is read from its registry, and nothing of it is believed that its digest does not cover."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable
from deploy.google_api import GoogleApi, NotFound
from deploy.pulling import read_image
from deploy.push import parse_image_reference

CONFIG = json.dumps(
    {"config": {"Entrypoint": ["python"], "Env": ["A=b=c"], "Labels": {"l": "m"}, "Cmd": None}}
).encode()
MANIFEST = json.dumps(
    {"config": {"digest": digest_of(CONFIG)}, "layers": [], "annotations": {"symbolon.policy": "p"}}
).encode()
REFERENCE = parse_image_reference("us-docker.pkg.dev/primus/repo/workload:v1")
V2 = "https://us-docker.pkg.dev/v2/primus/repo/workload"
Answering = Callable[..., None]


def index_of(*platforms: tuple[str, str, Digest]) -> bytes:
    return json.dumps(
        {
            "manifests": [
                {"digest": digest, "platform": {"os": os, "architecture": machine}}
                for os, machine, digest in platforms
            ]
        }
    ).encode()


def test_an_image_is_read_with_its_labels_and_annotations(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering(MANIFEST, CONFIG)
    image = read_image(api, REFERENCE)
    assert (image.digest, image.image_id) == (digest_of(MANIFEST), digest_of(CONFIG))
    assert (image.entrypoint, image.cmd, image.env) == (("python",), (), {"A": "b=c"})
    assert (image.labels, image.annotations) == ({"l": "m"}, {"symbolon.policy": "p"})
    assert google.asked == [f"GET {V2}/manifests/v1", f"GET {V2}/blobs/{digest_of(CONFIG)}"]


def test_of_several_architectures_the_digest_is_the_index_s_as_in_the_token(
    api: GoogleApi, answering: Answering
) -> None:
    index = index_of(
        ("linux", "arm64", Digest("sha256:" + "0" * 64)), ("linux", "amd64", digest_of(MANIFEST))
    )
    answering(index, MANIFEST, CONFIG)
    image = read_image(api, REFERENCE)
    assert (image.digest, image.labels) == (digest_of(index), {"l": "m"})


def test_a_blob_that_lies_elsewhere_is_fetched_without_our_token(
    api: GoogleApi, answering: Answering, google: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.headers = {"location": "https://storage.example/blob"}
    answering(MANIFEST, (302, b""))
    asked: list[tuple[str, dict[str, Any]]] = []

    def get(url: str, **more: Any) -> requests.Response:
        asked.append((url, more))
        response = requests.Response()
        response.status_code, response._content = 200, CONFIG
        return response

    monkeypatch.setattr(requests, "get", get)
    assert read_image(api, REFERENCE).entrypoint == ("python",)
    assert asked == [("https://storage.example/blob", {"timeout": 60})]


def test_a_store_that_does_not_answer_is_unavailable(
    api: GoogleApi, answering: Answering, google: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.headers = {"location": "https://storage.example/blob"}
    answering(MANIFEST, (302, b""))

    def get(_url: str, **_more: Any) -> requests.Response:
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(Unavailable, match="the registry's store did not answer"):
        read_image(api, REFERENCE)


def test_a_blob_that_lies_elsewhere_at_the_registry_is_fetched_there(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    google.headers = {"location": "/artifacts-downloads/x"}
    answering(MANIFEST, (307, b""), CONFIG)
    assert read_image(api, REFERENCE).entrypoint == ("python",)
    assert google.asked[-1] == "GET https://us-docker.pkg.dev/artifacts-downloads/x"


@pytest.mark.parametrize(
    ("answers", "family", "said"),
    [
        ([(404, {"errors": [{"message": "gone"}]})], NotFound, "resolving"),
        ([MANIFEST, CONFIG + b" "], EvidenceRejected, "the registry answers"),
        ([b"no json"], Misconfigured, "is no image"),
        ([b"[1]"], Misconfigured, "is no image"),
        ([b"{}"], Misconfigured, "no image that a launcher can run"),
        (
            [index_of(("linux", "arm64", digest_of(MANIFEST)))],
            Misconfigured,
            "no image that a launcher can run",
        ),
    ],
    ids=[
        "there is no such image",
        "the configuration has another digest",
        "the manifest is no JSON",
        "the manifest is no object",
        "the manifest names no configuration",
        "there is nothing for this architecture",
    ],
)
def test_what_is_no_image_is_said_in_a_line(
    api: GoogleApi, answering: Answering, answers: list[Any], family: type[Exception], said: str
) -> None:
    answering(*answers)
    with pytest.raises(family, match=said):
        read_image(api, REFERENCE)


def test_another_manifest_than_the_digest_says_is_rejected(api: GoogleApi, answering: Answering) -> None:
    answering(MANIFEST)
    pinned = parse_image_reference(f"us-docker.pkg.dev/primus/repo/workload@sha256:{'0' * 64}")
    with pytest.raises(EvidenceRejected, match="the registry answers"):
        read_image(api, pinned)
