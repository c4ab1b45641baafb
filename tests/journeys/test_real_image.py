"""The owner's image as a cloud would run it: built twice to one digest, pushed, pulled by it, run by runc.

`.ci/run` has this run, where the machine can. It builds from Debian's packages and PyPI's wheels in processes
of its own: the tests themselves reach nothing beyond this machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASKED = "SYMBOLON_REAL_IMAGE"
_LONGEST_S = 2400


@pytest.fixture
def runtime() -> str:
    if not os.environ.get(ASKED):
        pytest.skip(f"not required: {ASKED} is not set, as by .ci/run where there are root and the programs")
    return "openvino"


def test_the_image_is_reproduced_and_does_what_the_demo_s_does(runtime: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "real-image"), "--runtime", runtime]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout
    built = re.findall(r"built by buildah \S+: (sha256:[0-9a-f]{64})", done.stdout)
    assert (len(built), len(set(built))) == (2, 1)
    assert re.findall(r"step (\d): (\w+), as told", done.stdout) == [("1", "yes"), ("3", "no")] * 2
    assert "the rows are those of the demo's own way" in done.stdout
