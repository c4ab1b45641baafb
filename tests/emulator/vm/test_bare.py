"""A module that runs without a container finds the launcher's folder, or is told why it cannot."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.vm import bare

TOKEN = "TOKEN_FILE = '/run/container_launcher/token'\n"
SOCKET = "TEESERVER_SOCKET = '/run/container_launcher/teeserver.sock'\n"


def run(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`python -m job`, bare."""
    package = folder / "job"
    package.mkdir()
    for name, text in {"__init__.py": "", "__main__.py": "print('it ran')\n", **files}.items():
        (package / name).write_text(text)
    command = [sys.executable, "-P", str(bare.__file__), "launcher", "job"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param(
            {"container.py": TOKEN}, "`job.container` has no `TEESERVER_SOCKET`", id="the socket is gone"
        ),
        pytest.param({"container.py": SOCKET}, "`job.container` has no `TOKEN_FILE`", id="the token is gone"),
        pytest.param(
            {"places.py": TOKEN + SOCKET},
            "it uses `/run/container_launcher`, and has no `container.py`",
            id="the module of both has another name",
        ),
    ],
)
def test_a_module_whose_paths_cannot_be_pointed_elsewhere_is_not_run(
    tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    ended = run(tmp_path, files)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"cannot run `job` bare: {reason}\n"


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="it asks nothing of the launcher"),
        pytest.param({"container.py": TOKEN + SOCKET}, id="both constants are there"),
    ],
)
def test_any_other_module_runs(tmp_path: Path, files: dict[str, str]) -> None:
    ended = run(tmp_path, files)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "it ran\n", "")


def test_the_workload_has_the_constants_that_are_pointed_elsewhere() -> None:
    container = importlib.import_module("workload.container")
    assert {name: str(getattr(container, name)) for name in ("TOKEN_FILE", "TEESERVER_SOCKET")} == {
        "TOKEN_FILE": "/run/container_launcher/attestation_verifier_claims_token",
        "TEESERVER_SOCKET": "/run/container_launcher/teeserver.sock",
    }
