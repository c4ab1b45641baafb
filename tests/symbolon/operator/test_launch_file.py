"""A launch file and its flags: what each says, what stands where neither does, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from attestation.errors import Misconfigured
from symbolon.operator.launch_file import Wanted, read_target, read_wanted, render_launch_file

IMAGE = "us-docker.pkg.dev/primus/repo/workload"
PINNED = f"{IMAGE}:v1@sha256:{'0' * 64}"
WHOLE = f"""\
format = 1
reference = "{PINNED}"
policy = "policy.toml"
project = "secundus"
zone = "us-central1-a"
name = "vm-1"
service_account = "another-sa"
input = "gs://photos/june"
results = "gs://results/june"
top_k = 3
batch_size = 8
licence = "0123456789abcdef0123456789abcdef"
technology = "TDX"
machine_type = "c3-standard-8"
maintenance = "TERMINATE"
debug = true
restart_policy = "OnFailure"
redirect_log = false
scratch_kib = 1024

[metadata]
tee-mount = "x"
"""


def read(file: Path | None, **flags: Any) -> Wanted:
    return read_wanted(None if file is None else str(file), flags)


@pytest.fixture(autouse=True)
def _nobody_names_anything_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("SECUNDUS_", "WORKLOAD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "tertius")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "launch.toml"
    path.write_text(WHOLE)
    return path


def test_what_nobody_says_is_the_codelab_s() -> None:
    wanted = read(None, reference=f"{IMAGE}:v1")
    assert wanted.vm.project_id == "tertius"
    assert (wanted.vm.zone, wanted.vm.name) == ("us-west1-b", "workload-vm")
    assert wanted.vm.service_account == "workload-sa@tertius.iam.gserviceaccount.com"
    assert wanted.vm.environment == {
        "INPUT_URI": "gs://tertius-input-bucket/",
        "RESULT_URI": "gs://tertius-result-bucket/workload-vm/",
    }
    assert (wanted.vm.technology, wanted.vm.shape, wanted.policy) == ("SEV", "n2d-standard-2", None)


def test_a_file_says_everything(file: Path) -> None:
    wanted = read(file)
    vm = wanted.vm
    assert (vm.project_id, vm.zone, vm.name, vm.debug) == ("secundus", "us-central1-a", "vm-1", True)
    assert vm.service_account == "another-sa@secundus.iam.gserviceaccount.com"
    assert vm.environment == {
        "INPUT_URI": "gs://photos/june/",
        "RESULT_URI": "gs://results/june/",
        "TOP_K": "3",
        "BATCH_SIZE": "8",
        "LICENCE": "0123456789abcdef0123456789abcdef",
    }
    assert (vm.technology, vm.machine_type, vm.restart_policy) == ("TDX", "c3-standard-8", "OnFailure")
    assert (vm.redirect_log, vm.scratch_kib, vm.metadata) == (False, 1024, {"tee-mount": "x"})
    assert wanted.policy == str(file.parent / "policy.toml")


def test_a_licence_is_named_by_a_flag_as_by_the_file(file: Path) -> None:
    other = "f" * 32
    assert read(file, licence=other).vm.environment["LICENCE"] == other
    assert "LICENCE" not in read(None, reference=f"{IMAGE}:v1").vm.environment
    wanted = read(file, licence=other)
    assert f'licence = "{other}"' in render_launch_file(wanted, wanted.reference).splitlines()


def test_a_flag_goes_before_the_file_and_what_is_no_flag_does_not(file: Path) -> None:
    wanted = read(file, zone="us-west1-b", debug=None, metadata={"tee-cmd": "[]"}, policy="mine.toml")
    assert (wanted.vm.zone, wanted.vm.debug, wanted.policy) == ("us-west1-b", True, "mine.toml")
    assert wanted.vm.metadata == {"tee-mount": "x", "tee-cmd": "[]"}


def test_what_is_written_is_read_as_it_was(file: Path, tmp_path: Path) -> None:
    wanted = read(file)
    again = tmp_path / "elsewhere" / "again.toml"
    again.parent.mkdir()
    again.write_text(render_launch_file(wanted, wanted.reference))
    assert read(again) == wanted


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "`format` is missing in the launch file"),
        ("format = 2", "`format` in the launch file is `2`"),
        ("format = 1\nreferense = 'x'", "the launch file has no key `referense`"),
        ("format = 1\ntop_k = 'x'", "the launch file's `top_k` must be a whole number"),
        ("format = 1\ndebug = 1", "the launch file's `debug` must be true or false"),
        ("format = 1\n[metadata]\na = 1", "the launch file's `metadata` must be a table"),
        ("format = 1\ntechnology = 'SGX'", "the launch file's `technology` is `SGX`"),
        ("format = 1\nformat = 1", "is not TOML"),
        ("format = 1", "no image is named"),
        ("format = 1\nreference = 'docker.io/x'", "is not an image in artifact registry"),
        (f"format = 1\nreference = '{IMAGE}'\ninput = 'x'", "the input `x` names no bucket"),
    ],
    ids=[
        "no version",
        "another version",
        "a key that is none",
        "a number that is a text",
        "a truth that is a number",
        "metadata that is no text",
        "a technology that is none",
        "no TOML",
        "no image",
        "another registry's image",
        "a folder that is none",
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "launch.toml"
    path.write_text(line)
    with pytest.raises(Misconfigured) as refused:
        read(path)
    assert said in refused.value.message
    assert refused.value.hint or "must be" in said


def test_where_no_project_is_named_it_says_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    with pytest.raises(Misconfigured, match="no `project` is named for the operator"):
        read(None, reference=IMAGE)


def test_without_a_file_symbolon_toml_says_it(tmp_path: Path) -> None:
    (tmp_path / "symbolon.toml").write_text(
        f"[operator]\nzone = 'europe-west4-a'\n[launch]\nreference = '{PINNED}'\ntop_k = 2\n"
    )
    wanted = read(None)
    assert (str(wanted.reference), wanted.vm.zone) == (PINNED, "europe-west4-a")
    assert wanted.vm.environment["TOP_K"] == "2"
    assert read(None, zone="us-west1-b").vm.zone == "us-west1-b"


def test_a_vm_is_named_by_itself_or_by_its_launch_file(file: Path) -> None:
    target = read_target(str(file), project=None, zone=None)
    assert (target.vm.name, target.vm.project_id, target.vm.zone) == ("vm-1", "secundus", "us-central1-a")
    assert target.policy == str(file.parent / "policy.toml")
    target = read_target("vm-2", project=None, zone="us-east1-b")
    assert (target.vm.name, target.vm.project_id, target.vm.zone) == ("vm-2", "tertius", "us-east1-b")
    assert target.policy is None
    assert read_target(None, project=None, zone=None).vm.name == "workload-vm"
