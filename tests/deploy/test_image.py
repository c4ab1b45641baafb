"""The OCI layout: what is in it, and that its digest speaks of exactly that."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from attestation.errors import Misconfigured
from deploy.image import BASE_ANNOTATION, DOCKERFILE, RUNTIMES, SOURCE, build_image, read_dockerfile

TERMS = b"[model]\n"
SMALL = """\
ARG BASE_DIGEST
FROM base@${BASE_DIGEST}
ENV A=1 B=2
WORKDIR /app
COPY --chmod=0644 room/a.py room/b.py /app/room/
COPY --chmod=0600 terms.toml /app/terms.toml
LABEL tee.launch_policy.allow_cmd_override="false"
USER 65532:65532
ENTRYPOINT ["python", "-m", "room"]
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "deploy").mkdir(parents=True)
    (root / "room").mkdir()
    (root / DOCKERFILE).write_text(SMALL)
    (root / "room" / "a.py").write_text("a = 1\n")
    (root / "room" / "b.py").write_text("b = 2\n")
    return root


def blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def test_every_blob_is_named_by_its_digest(source: Path, tmp_path: Path) -> None:
    image = build_image(tmp_path / "layout", terms=TERMS, source=source)
    names = {path.name for path in (image.folder / "blobs" / "sha256").iterdir()}
    assert names == {digest.removeprefix("sha256:") for digest in (image.manifest, image.config, image.layer)}
    for name in names:
        assert hashlib.sha256(blob(image.folder, name)).hexdigest() == name


def test_the_index_leads_to_the_manifest_and_the_manifest_to_its_parts(source: Path, tmp_path: Path) -> None:
    image = build_image(tmp_path / "layout", terms=TERMS, source=source)
    index = json.loads((image.folder / "index.json").read_bytes())
    assert [entry["digest"] for entry in index["manifests"]] == [image.manifest]
    manifest = json.loads(blob(image.folder, image.manifest))
    assert manifest["config"]["digest"] == image.config
    assert [layer["digest"] for layer in manifest["layers"]] == [image.layer]
    for descriptor in (*index["manifests"], manifest["config"], *manifest["layers"]):
        assert descriptor["size"] == len(blob(image.folder, descriptor["digest"]))


def test_the_configuration_is_the_dockerfile_s(source: Path, tmp_path: Path) -> None:
    image = build_image(tmp_path / "layout", terms=TERMS, source=source)
    configuration = json.loads(blob(image.folder, image.config))
    assert configuration["config"] == {
        "User": "65532:65532",
        "Env": ["A=1", "B=2"],
        "Entrypoint": ["python", "-m", "room"],
        "WorkingDir": "/app",
        "Labels": {"tee.launch_policy.allow_cmd_override": "false"},
    }
    assert configuration["rootfs"] == {"type": "layers", "diff_ids": [image.layer]}


def test_the_layer_holds_the_copied_files_and_the_terms_alone(source: Path, tmp_path: Path) -> None:
    image = build_image(tmp_path / "layout", terms=TERMS, source=source)
    layer = image.folder / "blobs" / "sha256" / image.layer.removeprefix("sha256:")
    with tarfile.open(layer, mode="r:") as archive:
        members = archive.getmembers()
        held = {member.name: archive.extractfile(member) for member in members}
    assert [(member.name, oct(member.mode)) for member in members] == [
        ("app", "0o755"),
        ("app/room", "0o755"),
        ("app/room/a.py", "0o644"),
        ("app/room/b.py", "0o644"),
        ("app/terms.toml", "0o600"),
    ]
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members} == {(0, 0, "", 0)}
    assert held["app/terms.toml"] is not None


def test_the_manifest_says_that_the_base_is_not_included(source: Path, tmp_path: Path) -> None:
    image = build_image(tmp_path / "layout", terms=TERMS, source=source)
    assert json.loads(blob(image.folder, image.manifest))["annotations"] == {BASE_ANNOTATION: "not included"}


def test_two_builds_of_the_same_give_one_digest(source: Path, tmp_path: Path) -> None:
    first = build_image(tmp_path / "first", terms=TERMS, source=source)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(source, elsewhere, copy_function=shutil.copyfile)
    (elsewhere / "room" / "a.py").chmod(0o600)
    (elsewhere / "room" / "a.pyc").write_bytes(b"left behind")
    second = build_image(tmp_path / "second", terms=TERMS, source=elsewhere)
    assert second.manifest == first.manifest


@pytest.mark.parametrize("changed", ["room/a.py", "label", "terms"])
def test_one_changed_byte_gives_another_digest(source: Path, tmp_path: Path, changed: str) -> None:
    before = build_image(tmp_path / "before", terms=TERMS, source=source)
    terms = TERMS
    match changed:
        case "room/a.py":
            (source / changed).write_text("a = 2\n")
        case "label":
            dockerfile = source / DOCKERFILE
            dockerfile.write_text(dockerfile.read_text().replace('"false"', '"true"'))
        case "terms":
            terms += b"#"
    after = build_image(tmp_path / "after", terms=terms, source=source)
    assert after.manifest != before.manifest


def test_a_file_that_is_not_there_is_named(source: Path, tmp_path: Path) -> None:
    (source / "room" / "b.py").unlink()
    with pytest.raises(Misconfigured, match=r"`room/b\.py`, which does not exist"):
        build_image(tmp_path / "layout", terms=TERMS, source=source)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_terms_that_name_another_runtime_are_refused(tmp_path: Path, runtime: str) -> None:
    named = f'[runtime]\nname = "{runtime}"\n'.encode()
    build_image(tmp_path / "fits", terms=named, root=b"root", runtime=runtime)
    for other in RUNTIMES:
        if other != runtime:
            with pytest.raises(Misconfigured, match=f"name the runtime `{runtime}`, and .* holds `{other}`"):
                build_image(tmp_path / "differs", terms=named, root=b"root", runtime=other)
    assert not (tmp_path / "differs").exists()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_builder_refuses_such_terms_too_in_one_line(tmp_path: Path, runtime: str) -> None:
    (run,) = (run for run in read_dockerfile().runs if "terms.toml" in run)
    terms = tmp_path / "terms.toml"
    terms.write_text(f'[runtime]\nname = "{runtime}"\n')
    for built in RUNTIMES:
        command = run.replace("/app/terms.toml", str(terms)).replace("python ", f"{sys.executable} ", 1)
        done = subprocess.run(
            ["sh", "-c", command],
            env={"RUNTIME": built, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=False,
        )
        refusal = f"the terms name the runtime {runtime}, and this image holds {built}\n"
        assert (done.returncode, done.stderr) == ((0, "") if built == runtime else (1, refusal))


def test_our_dockerfile_gives_the_operator_four_names_and_nothing_else() -> None:
    labels = read_dockerfile().labels
    assert labels["tee.launch_policy.allow_env_override"] == "INPUT_URI,RESULT_URI,TOP_K,BATCH_SIZE,LICENCE"
    for denied in ("allow_cmd_override", "allow_capabilities", "allow_cgroups"):
        assert labels[f"tee.launch_policy.{denied}"] == "false"
    assert "tee.launch_policy.allow_mount_destinations" not in labels


def test_nothing_but_a_digest_can_pin_our_base() -> None:
    lines = (SOURCE / DOCKERFILE).read_text().splitlines()
    before = [line for line in lines if line.startswith(("ARG ", "FROM "))][:3]
    assert before[0].startswith("ARG BASE=")
    assert before[1:] == ["ARG BASE_DIGEST", "FROM ${BASE}@${BASE_DIGEST}"], "the digest has no default"


def test_our_process_is_not_root_and_starts_without_a_shell() -> None:
    dockerfile = read_dockerfile()
    user, _, group = dockerfile.user.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert dockerfile.entrypoint == ("python", "-m", "workload")


def test_readme_argues_every_label() -> None:
    readme = (SOURCE / "deploy" / "README.md").read_text()
    labels: dict[str, Any] = dict(read_dockerfile().labels)
    for name, value in labels.items():
        assert f"| `{name.removeprefix('tee.launch_policy.')}` | `{value}` |" in readme


def test_an_image_believes_the_root_that_it_is_built_with_and_no_other(tmp_path: Path) -> None:
    terms = b'[runtime]\nname = "tensorflow"\n'
    google = build_image(tmp_path / "google", terms=terms, root=b"Google's")
    emulator = build_image(tmp_path / "emulator", terms=terms, root=b"an emulator's")
    assert google.manifest != emulator.manifest
    with tarfile.open(fileobj=io.BytesIO(blob(emulator.folder, emulator.layer))) as layer:
        held = layer.extractfile("app/root.pem")
        assert held is not None and held.read() == b"an emulator's"
    with pytest.raises(Misconfigured, match=r"the image needs `root\.pem`") as refused:
        build_image(tmp_path / "none", terms=terms)
    assert "deploy/README.md" in refused.value.hint
