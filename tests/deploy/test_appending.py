"""Ours on a base: what a builder would have made of the same Dockerfile, and the same digest each time."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from attestation.errors import Misconfigured
from deploy.appending import BASE_DIGEST, BASE_NAME, append_image
from deploy.image import ImageLayout, build_image, read_dockerfile
from deploy.layout import Layout, read_layout
from tests.deploy.bases import base, carried, layer

TERMS, ROOT = b'[runtime]\nname = "openvino"\n', b"a root"
CONFIG = {
    "Env": ["PATH=/theirs", "LANG=C.UTF-8", "PYTHON_VERSION=3.11.9"],
    "Cmd": ["python3"],
    "Entrypoint": ["theirs"],
    "Labels": {"maintainer": "them"},
    "StopSignal": "SIGINT",
}
DOCKERS = ("application/vnd.docker.image.rootfs.diff.tar.gzip",)


def made(folder: Path, below: Layout, **more: Any) -> ImageLayout:
    options: dict[str, Any] = {
        "name": "example.com/base",
        "terms": TERMS,
        "root": ROOT,
        "runtime": "openvino",
    }
    return append_image(folder, below, **{**options, **more})


@pytest.fixture
def below(tmp_path: Path) -> Layout:
    return base(
        tmp_path / "base",
        layer(carried()),
        config=CONFIG,
        kinds=DOCKERS,
        created="2026-01-02T03:04:05Z",
        history=[{"created_by": "theirs"}],
    )


def test_the_base_s_layers_come_first_and_ours_is_the_last(tmp_path: Path, below: Layout) -> None:
    image = made(tmp_path / "image", below)
    found = read_layout(image.folder)
    (theirs, ours) = found.manifest["layers"]
    assert theirs["digest"] == below.manifest["layers"][0]["digest"]
    assert theirs["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert found.blob(theirs["digest"]) == below.blob(theirs["digest"])
    alone = build_image(tmp_path / "alone", terms=TERMS, root=ROOT, runtime="openvino")
    assert ours["digest"] == image.layer == alone.layer
    with tarfile.open(fileobj=io.BytesIO(found.blob(ours["digest"]))) as archive:
        assert {"app/terms.toml", "app/root.pem", "app/workload/__main__.py"} <= set(archive.getnames())


def test_the_configuration_is_what_a_builder_makes_of_both(tmp_path: Path, below: Layout) -> None:
    image = made(tmp_path / "image", below)
    document = json.loads(read_layout(image.folder).configuration)
    dockerfile = read_dockerfile(runtime="openvino")
    config = document["config"]
    variables = dict(each.split("=", 1) for each in config["Env"])
    assert variables == {"LANG": "C.UTF-8", "PYTHON_VERSION": "3.11.9", **dockerfile.environment}
    assert config["Labels"] == {"maintainer": "them", **dockerfile.labels}
    assert (config["User"], config["WorkingDir"]) == (dockerfile.user, dockerfile.working_dir)
    assert (config["Entrypoint"], "Cmd" in config) == (["python", "-m", "workload"], False)
    assert config["StopSignal"] == "SIGINT"
    assert document["rootfs"]["diff_ids"] == [
        *json.loads(below.configuration)["rootfs"]["diff_ids"],
        image.layer,
    ]
    assert (document["created"], len(document["history"])) == ("1970-01-01T00:00:00Z", 2)


def test_the_manifest_says_which_base_it_was(tmp_path: Path, below: Layout) -> None:
    image = made(tmp_path / "image", below)
    annotations = read_layout(image.folder).manifest["annotations"]
    assert annotations == {BASE_NAME: "example.com/base", BASE_DIGEST: below.digest}


def test_a_base_from_a_folder_has_a_digest_and_no_name(tmp_path: Path, below: Layout) -> None:
    image = made(tmp_path / "image", below, name=None)
    assert read_layout(image.folder).manifest["annotations"] == {BASE_DIGEST: below.digest}


def test_the_same_base_and_terms_have_the_same_digest_wherever_they_lie(
    tmp_path: Path, below: Layout
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(below.folder, moved)
    copy = Layout(folder=moved, digest=below.digest, media_type=below.media_type, manifest=below.manifest)
    one, other = made(tmp_path / "one", below), made(tmp_path / "other", copy)
    assert one.manifest == other.manifest
    assert made(tmp_path / "third", below, terms=TERMS + b"# more\n").manifest != one.manifest


def test_terms_that_name_another_runtime_are_refused(tmp_path: Path, below: Layout) -> None:
    with pytest.raises(Misconfigured, match="name the runtime"):
        made(tmp_path / "image", below, terms=b'[runtime]\nname = "tensorflow"\n')
