"""An image is read whole, and each part of it has to be the one that another part names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attestation.errors import EvidenceRejected, Misconfigured
from deploy.image_contents import ImageContents, read_contents
from deploy.layers import LayerRejected, Limits, Store
from deploy.layout import read_layout
from tests.images import File, folder, put, tar_of, write_layout

CONFIG = {"Env": ["A=1", "B=x=y"], "Labels": {"l": "v"}, "User": "65532"}
FIRST = tar_of(folder("a"), File(path="a/b", content=b"1"))
SECOND = tar_of(File(path="a/c", content=b"2"))


def read(layout: Path, limits: Limits | None = None) -> ImageContents:
    kept = layout / "kept"
    kept.mkdir(exist_ok=True)
    return read_contents(read_layout(layout), store=Store(kept), keeps=lambda path, size: True, limits=limits)


@pytest.mark.parametrize("zipped", [False, True])
def test_an_image_is_its_settings_its_layers_and_the_files_of_all(tmp_path: Path, zipped: bool) -> None:
    digest = write_layout(
        tmp_path,
        [FIRST, SECOND],
        config=CONFIG,
        history=[{"created_by": "COPY", "comment": "FROM x"}],
        annotations={"k": "v"},
        zipped=zipped,
    )
    image = read(tmp_path)
    assert image.digest == digest
    assert (image.environment, image.labels, image.annotations) == (
        {"A": "1", "B": "x=y"},
        {"l": "v"},
        {"k": "v"},
    )
    assert image.history == ("COPY; FROM x",)
    assert [len(layer.members) for layer in image.layers] == [2, 1]
    assert list(image.files) == ["a", "a/b", "a/c"]


def test_a_layer_that_the_configuration_does_not_name_is_refused(tmp_path: Path) -> None:
    write_layout(tmp_path, [FIRST], diff_ids=["sha256:" + "0" * 64])
    with pytest.raises(LayerRejected, match="layer 1 is not the one that the image's configuration names"):
        read(tmp_path)


def test_a_layer_too_many_is_refused(tmp_path: Path) -> None:
    write_layout(tmp_path, [FIRST, SECOND], diff_ids=["sha256:" + "0" * 64])
    with pytest.raises(LayerRejected, match="the manifest has 2 layers, and the configuration 1"):
        read(tmp_path)


def test_a_layer_that_was_changed_is_rejected_before_it_is_parsed(tmp_path: Path) -> None:
    write_layout(tmp_path, [FIRST])
    manifest = read_layout(tmp_path).manifest
    blob = tmp_path / "blobs" / "sha256" / manifest["layers"][0]["digest"].removeprefix("sha256:")
    blob.write_bytes(b"no tar")
    with pytest.raises(EvidenceRejected, match="was changed"):
        read(tmp_path)


def test_limits_are_of_all_layers_together(tmp_path: Path) -> None:
    write_layout(tmp_path, [FIRST, SECOND])
    with pytest.raises(LayerRejected, match="more than 2 members"):
        read(tmp_path, limits=Limits(members=2))


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b"{}", id="no layers"),
        pytest.param(b"[" * 100_000, id="nested too deep"),
        pytest.param(b'{"rootfs": {"diff_ids": 7}}', id="layers that are no list"),
        pytest.param(b'{"rootfs": {"diff_ids": []}, "config": {"Env": [1]}}', id="a number as variable"),
        pytest.param(b'{"rootfs": {"diff_ids": []}, "config": {"Labels": {"a": 1}}}', id="a number as label"),
        pytest.param(b'{"rootfs": {"diff_ids": []}, "os": "windows"}', id="another system"),
        pytest.param(b'{"rootfs": {"diff_ids": []}, "history": [7]}', id="a history of numbers"),
    ],
)
def test_a_configuration_that_starts_nothing_is_said(tmp_path: Path, configuration: bytes) -> None:
    named = {"config": {"digest": put(tmp_path, configuration)}, "layers": []}
    (tmp_path / "index.json").write_text(
        json.dumps({"manifests": [{"digest": put(tmp_path, json.dumps(named).encode())}]})
    )
    with pytest.raises(Misconfigured, match=r"can be started with|linux/amd64"):
        read(tmp_path)


def test_a_configuration_that_is_missing_is_named(tmp_path: Path) -> None:
    write_layout(tmp_path, [FIRST])
    named = read_layout(tmp_path).manifest["config"]["digest"]
    (tmp_path / "blobs" / "sha256" / named.removeprefix("sha256:")).unlink()
    with pytest.raises(Misconfigured, match="has no blob"):
        read(tmp_path)
