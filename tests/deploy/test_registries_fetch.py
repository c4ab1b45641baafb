"""An image is fetched whole, and nothing of it is kept that no digest covers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected, Misconfigured
from deploy.google_api import GoogleApi, NotFound
from deploy.layout import read_layout
from deploy.provisioning import ensure
from deploy.push import parse_image_reference, push
from deploy.registries import fetch_image
from deploy.resources import DockerRepository, Project
from tests.images import File, tar_of, write_layout

CONFIG = b'{"config": {}}'
LAYER = b"a layer"
MANIFEST = json.dumps(
    {
        "config": {"digest": digest_of(CONFIG), "size": len(CONFIG)},
        "layers": [{"digest": digest_of(LAYER), "size": len(LAYER)}],
    }
).encode()
REFERENCE = parse_image_reference("us-docker.pkg.dev/primus/repo/workload:v1")
Answering = Callable[..., None]


def test_an_image_that_was_pushed_comes_back(credentials_of: Callable[[str], Any], tmp_path: Path) -> None:
    api = GoogleApi(credentials_of("owner"))
    project = Project(project_id="primus", number="0")
    ensure(api, DockerRepository(project=project, location="us", repository_id="images"))
    digest = write_layout(tmp_path / "made", [tar_of(File(path="a", content=b"x" * 3_000_000))], zipped=True)
    reference = parse_image_reference("us-docker.pkg.dev/primus/images/workload:v1")
    push(api, tmp_path / "made", reference)
    heard: list[str] = []
    assert fetch_image(api, reference, tmp_path / "fetched", on_fetched=heard.append) == digest
    layout = read_layout(tmp_path / "fetched")
    assert (layout.digest, set(heard)) == (digest, {digest, *layout.blobs})
    assert [layout.blob(each) for each in layout.blobs] == [
        read_layout(tmp_path / "made").blob(each) for each in layout.blobs
    ]


def test_of_several_platforms_amd64_is_fetched(api: GoogleApi, answering: Answering, tmp_path: Path) -> None:
    platforms = [("linux", "arm64", "sha256:" + "0" * 64), ("linux", "amd64", digest_of(MANIFEST))]
    index = json.dumps(
        {
            "manifests": [
                {"digest": digest, "platform": {"os": os, "architecture": machine}}
                for os, machine, digest in platforms
            ]
        }
    ).encode()
    answering(index, MANIFEST, CONFIG, LAYER)
    assert fetch_image(api, REFERENCE, tmp_path / "l") == digest_of(index)
    assert read_layout(tmp_path / "l").digest == digest_of(MANIFEST)


@pytest.mark.parametrize(
    ("served", "error", "words"),
    [
        pytest.param(
            (MANIFEST, CONFIG, b"another"), EvidenceRejected, "the registry answers", id="another layer"
        ),
        pytest.param(
            (MANIFEST, CONFIG, LAYER * 9), EvidenceRejected, "the registry answers", id="a longer layer"
        ),
        pytest.param((b"{",), Misconfigured, "no image", id="no JSON"),
        pytest.param((b"{}",), Misconfigured, "no image", id="no manifest"),
        pytest.param((b'{"manifests": []}',), Misconfigured, "no image", id="no platform"),
        pytest.param(
            (MANIFEST.replace(b'"size": 7', b'"size": 99999999999999'),),
            Misconfigured,
            "says that it has",
            id="too large",
        ),
        pytest.param(((404, b""),), NotFound, "fetching", id="nothing"),
    ],
)
def test_what_is_not_the_image_is_refused(
    api: GoogleApi,
    answering: Answering,
    tmp_path: Path,
    served: tuple[Any, ...],
    error: type[Exception],
    words: str,
) -> None:
    answering(*served)
    with pytest.raises(error, match=words):
        fetch_image(api, REFERENCE, tmp_path / "l")
    assert not (tmp_path / "l" / "index.json").exists()


def test_a_blob_without_end_is_left_where_it_is_too_long(
    api: GoogleApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[bytes] = []

    def endless(_: object, url: str, headers: object) -> Iterator[bytes]:
        if "/manifests/" in url:
            yield MANIFEST
            return
        for _number in range(10_000):
            served.append(b"x")
            yield b"x" * 5

    monkeypatch.setattr("deploy.registries._Pull._chunks", endless)
    with pytest.raises(EvidenceRejected, match="the registry answers"):
        fetch_image(api, REFERENCE, tmp_path / "l")
    assert len(served) <= 4


def test_a_manifest_that_its_digest_does_not_name_is_refused(
    api: GoogleApi, answering: Answering, tmp_path: Path
) -> None:
    answering(MANIFEST)
    reference = parse_image_reference(f"us-docker.pkg.dev/primus/repo/workload@sha256:{'1' * 64}")
    with pytest.raises(EvidenceRejected, match="the registry answers"):
        fetch_image(api, reference, tmp_path / "l")
