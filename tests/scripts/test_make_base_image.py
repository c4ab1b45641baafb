"""What is asked of `scripts/make-base-image` and cannot be: one line, a hint, and nothing begun."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from deploy.dockerfile import parse_dockerfile

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "make-base-image"
DIGEST = "sha256:" + "0" * 64


def asked(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{cwd}/bin:/usr/bin:/bin"}
    command = ["bash", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, check=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder in which buildah and mmdebstrap would fail at once."""
    (tmp_path / "bin").mkdir()
    for name in ("buildah", "mmdebstrap"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 9\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "there").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("there", 7, "the folder for the layout is there already"),
        ("--runtime torch new", 2, "there is no runtime torch"),
        ("--runtime", 2, "--runtime has no value"),
        ("--quick new", 2, "there is no option --quick"),
        (f"--base python@{DIGEST} new", 2, "are for --runtime alone"),
        ("--runtime openvino --base python:3.11 new", 7, "not named by its digest"),
        ("--runtime openvino --ca nowhere.pem new", 7, "a file of --pip-config or --ca is not there"),
        (f"--runtime openvino --base python@{DIGEST} new", 7, "the requirements could not be installed"),
        ("new nowhere", 7, "there is no bin/python3.11 below the prefix"),
    ],
)
def test_what_cannot_be_is_one_line_with_a_hint(place: Path, arguments: str, code: int, said: str) -> None:
    done = asked(*arguments.split(), cwd=place)
    assert done.returncode == code, done.stderr
    error, hint = done.stderr.splitlines()
    assert (error.startswith("error: "), said in error, hint.startswith("hint: ")) == (True, True, True)
    assert not (place / "new").exists()


def test_it_says_how_it_is_used(place: Path) -> None:
    usage = "\nUsage: scripts/make-base-image [--runtime R"
    helped, none = asked("--help", cwd=place), asked(cwd=place)
    assert (helped.returncode, usage in helped.stdout) == (0, True)
    assert (none.returncode, usage in none.stderr) == (2, True)


def test_a_base_with_the_requirements_is_the_dockerfile_up_to_our_first_file() -> None:
    """The script cuts there: what is left copies nothing of ours, and installs all that is installed."""
    (pattern,) = re.findall(r"sed '/(\S+)/,\$d' \"\$here/deploy/Dockerfile\"", SCRIPT.read_text())
    whole = (ROOT / "deploy" / "Dockerfile").read_text()
    begins = re.search(pattern, whole, re.MULTILINE)
    assert begins is not None
    below, all_of_it = (parse_dockerfile(text) for text in (whole[: begins.start()], whole))
    assert below.copies == ()
    assert below.environment == all_of_it.environment
    assert [run for run in all_of_it.runs if "/usr/local" in run] == list(below.runs)
