"""A script that imports this first runs in `.venv`, by whatever Python it was started.

Where pytest or this project cannot be imported, this is not the environment of the tests: it is made, and the
script starts again in it. Whoever has an environment of their own, with both in it, stays there.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PYTHON = _ROOT / ".venv/bin/python"

if find_spec("pytest") is None or find_spec("attestation") is None:
    made = subprocess.run([_ROOT / "scripts/environment", "dev"], check=False)
    if made.returncode:
        sys.exit(made.returncode)
    os.execv(_PYTHON, [_PYTHON, *sys.argv])  # noqa: S606  no shell: the same words again
