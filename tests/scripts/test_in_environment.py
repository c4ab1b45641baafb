"""A script of ours runs where the tests and this project can be imported, or makes that place first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKING = 5


@pytest.mark.parametrize(
    ("there", "code"),
    [(("pytest", "attestation"), 0), (("pytest",), MAKING), (("attestation",), MAKING), ((), MAKING)],
    ids=["of one's own, with both", "without this project", "without pytest", "with neither"],
)
def test_an_environment_that_lacks_either_is_made(tmp_path: Path, there: tuple[str, ...], code: int) -> None:
    scripts, modules = tmp_path / "scripts", tmp_path / "modules"
    scripts.mkdir()
    modules.mkdir()
    shutil.copy(ROOT / "scripts" / "in_environment.py", scripts)
    made = scripts / "environment"
    made.write_text(f"#!/bin/sh\nexit {MAKING}\n", encoding="utf-8")
    made.chmod(0o755)
    for name in there:
        (modules / f"{name}.py").touch()
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import in_environment"],  # -S: without what is installed here
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{scripts}:{modules}"},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == code
