"""The one image of an OCI layout, however deep it stands, and what is not one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured
from deploy.layout import read_layout

CONFIGURATION = b'{"config": {"Labels": {"a": "b"}}}'
LAYER = b"a layer"
ATTESTATION = {"digest": "sha256:" + "0" * 64, "platform": {"os": "unknown", "architecture": "unknown"}}


def put(folder: Path, data: bytes) -> Digest:
    """The digest of `data`, which is a blob of the layout now."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
    return digest_of(data)


def index(folder: Path, *descriptors: dict[str, Any]) -> None:
    (folder / "index.json").write_text(json.dumps({"manifests": descriptors}))


def manifest(folder: Path) -> Digest:
    named = {"config": {"digest": put(folder, CONFIGURATION)}, "layers": [{"digest": put(folder, LAYER)}]}
    return put(folder, json.dumps(named).encode())


def test_an_image_is_read_with_everything_that_it_names(tmp_path: Path) -> None:
    digest = manifest(tmp_path)
    index(tmp_path, {"digest": digest, "mediaType": "application/x"})
    layout = read_layout(tmp_path)
    assert (layout.digest, layout.media_type) == (digest, "application/x")
    assert layout.configuration == CONFIGURATION
    assert [layout.blob(name) for name in layout.blobs] == [CONFIGURATION, LAYER]


def test_an_image_in_an_index_beside_its_attestation_is_found(tmp_path: Path) -> None:
    digest = manifest(tmp_path)
    inner = put(tmp_path, json.dumps({"manifests": [{"digest": digest}, ATTESTATION]}).encode())
    index(tmp_path, {"digest": inner})
    layout = read_layout(tmp_path)
    assert layout.digest == digest
    assert layout.media_type == "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="no index"),
        pytest.param("{", id="no json"),
        pytest.param("[]", id="no object"),
        pytest.param("{}", id="no manifests"),
        pytest.param('{"manifests": []}', id="no image"),
        pytest.param('{"manifests": [{}, {}]}', id="two images"),
        pytest.param('{"manifests": [{}]}', id="an image without a digest"),
        pytest.param(json.dumps({"manifests": [ATTESTATION]}), id="an attestation alone"),
        pytest.param('{"manifests": 7}', id="manifests that are no list"),
        pytest.param("[" * 100_000, id="nested too deep"),
    ],
)
def test_a_folder_that_is_not_one_image_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "index.json").write_text(text)
    with pytest.raises(Misconfigured, match="not an OCI layout of one image"):
        read_layout(tmp_path)


def test_an_image_stands_in_two_indexes_at_most_beside_the_layout_s_own(tmp_path: Path) -> None:
    digest = image = manifest(tmp_path)
    for _ in range(2):
        digest = put(tmp_path, json.dumps({"manifests": [{"digest": digest}]}).encode())
    index(tmp_path, {"digest": digest})
    assert read_layout(tmp_path).digest == image
    index(tmp_path, {"digest": put(tmp_path, json.dumps({"manifests": [{"digest": digest}]}).encode())})
    with pytest.raises(Misconfigured, match="not an OCI layout"):
        read_layout(tmp_path)


def test_a_digest_that_leads_out_of_the_folder_is_none(tmp_path: Path) -> None:
    index(tmp_path, {"digest": "sha256:../../../secret"})
    with pytest.raises(Misconfigured, match="is not a digest"):
        read_layout(tmp_path)


@pytest.mark.parametrize("changed", ["manifest", "configuration", "layer"])
def test_a_blob_that_was_changed_is_rejected(tmp_path: Path, changed: str) -> None:
    digest = manifest(tmp_path)
    index(tmp_path, {"digest": digest})
    name = {"manifest": digest, "configuration": digest_of(CONFIGURATION), "layer": digest_of(LAYER)}[changed]
    (tmp_path / "blobs" / "sha256" / name.removeprefix("sha256:")).write_bytes(b"another")
    with pytest.raises(EvidenceRejected, match="was changed"):
        layout = read_layout(tmp_path)
        for each in layout.blobs:
            layout.blob(each)


def test_a_blob_that_is_missing_is_named(tmp_path: Path) -> None:
    index(tmp_path, {"digest": manifest(tmp_path)})
    layout = read_layout(tmp_path)
    (tmp_path / "blobs" / "sha256" / digest_of(LAYER).removeprefix("sha256:")).unlink()
    with pytest.raises(Misconfigured, match="has no blob"):
        layout.blob(digest_of(LAYER))
