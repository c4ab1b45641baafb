"""The pre-commit hook lints the policies that somebody keeps in git."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GOOD = """
[provider]
project_number = "100000000001"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
"""
ANYBODY = 'assertion.swname == "CONFIDENTIAL_SPACE"\n'


@pytest.fixture
def hook() -> dict[str, Any]:
    """The one hook of the file, as far as it is read here: words, a list, and a folded text."""
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert text.count("- id:") == 1
    fields = re.findall(r"^[- ] (\w+): (.*(?:\n    .*)*)", text, re.MULTILINE)
    folded = {name: " ".join(value.removeprefix(">-").split()) for name, value in fields}
    brought = re.findall(r'"([^"]*)"', folded["additional_dependencies"])
    return folded | {"additional_dependencies": brought}


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A repository's root, with `symbolon` on PATH as the hook's environment has it."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "symbolon"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m symbolon "$@"\n')
    command.chmod(0o755)
    (tmp_path / "policy.toml").write_text(GOOD)
    (tmp_path / "any one.cel").write_text(ANYBODY)
    return tmp_path


def run(hook: dict[str, Any], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As pre-commit runs it: the entry, its options, the files that are to be committed."""
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    command = [*shlex.split(hook["entry"]), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_policy_without_findings_passes(hook: dict[str, Any], policies: Path) -> None:
    assert run(hook, policies, "policy.toml").returncode == 0


def test_each_file_is_linted_and_one_bad_one_stops_the_commit(hook: dict[str, Any], policies: Path) -> None:
    stopped = run(hook, policies, "any one.cel", "policy.toml")
    assert stopped.returncode == 3
    assert "workload-not-pinned" in stopped.stdout


def test_an_option_holds_for_every_file(hook: dict[str, Any], policies: Path) -> None:
    shown = run(hook, policies, "--format=json", "policy.toml", "any one.cel")
    assert shown.returncode == 3
    assert shown.stdout.count('"workload-not-pinned"') >= 1
    assert shown.stdout.lstrip().startswith("{")


def test_it_installs_what_proofs_need(hook: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert hook["additional_dependencies"] == project["optional-dependencies"]["prove"]
    assert hook["entry"].count("symbolon owner policy lint") == 1


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("policy.toml", True),
        ("primus/policy.toml", True),
        ("primus.policy.toml", True),
        ("condition.cel", True),
        ("terms.toml", False),
        ("nopolicy.toml", False),
    ],
)
def test_it_takes_policies_and_nothing_else(path: str, wanted: bool, hook: dict[str, Any]) -> None:
    assert bool(re.search(hook["files"], path)) is wanted
