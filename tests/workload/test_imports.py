"""What the process is made of: our three rooms, and TensorFlow only once there is a verified model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEFORE = """
import json, sys
class Said(dict):
    def __iter__(self):  # `narrow` looks for the first time
        print(json.dumps(sorted(sys.modules)), flush=True)
        raise SystemExit
import os
os.environ = Said(os.environ)
from workload.__main__ import main
main()
"""
SEEN = "import json, sys, workload.__main__, workload.program; print(json.dumps(sorted(sys.modules)))"


def test_importing_the_program_imports_three_rooms_and_no_tensorflow() -> None:
    seen = subprocess.run([sys.executable, "-c", SEEN], cwd=ROOT, capture_output=True, check=True).stdout
    packages = {module.partition(".")[0] for module in json.loads(seen)}
    rooms = {"attestation", "contract", "policy", "workload", "emulator", "deploy", "symbolon"}
    assert packages & rooms == {"attestation", "contract", "workload"}
    assert "tensorflow" not in packages


def test_when_the_environment_is_narrowed_no_library_has_been_imported_that_could_have_read_it() -> None:
    seen = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.')\n" + BEFORE],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    packages = {module.partition(".")[0] for module in json.loads(seen)}
    ours = {"attestation", "contract", "workload", "__main__", "sitecustomize", "usercustomize"}
    foreign = packages - set(sys.stdlib_module_names) - ours
    assert not {name for name in foreign if not name.startswith(("_", "encodings"))}
