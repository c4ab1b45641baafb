"""What the process is made of: our three rooms, and TensorFlow only once there is a verified model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEEN = "import json, sys, workload.__main__, workload.program; print(json.dumps(sorted(sys.modules)))"


def test_importing_the_program_imports_three_rooms_and_no_tensorflow() -> None:
    seen = subprocess.run([sys.executable, "-c", SEEN], cwd=ROOT, capture_output=True, check=True).stdout
    packages = {module.partition(".")[0] for module in json.loads(seen)}
    rooms = {"attestation", "contract", "policy", "workload", "emulator", "deploy", "symbolon"}
    assert packages & rooms == {"attestation", "contract", "workload"}
    assert "tensorflow" not in packages
