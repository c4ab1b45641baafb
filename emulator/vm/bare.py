"""Runs a Python module as its container would, on a machine where no container can be made.

    python -P bare.py LAUNCHER_FOLDER MODULE ARGUMENT …

The container's fixed paths do not exist here, so the module's own constants for them
(`MODULE.container.TOKEN_FILE` and `.TEESERVER_SOCKET`) are pointed at the launcher's folder
before it runs. Nothing else of it is touched.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import runpy
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """The module has run as `python -m MODULE` would run it."""
    launcher_folder, module, *rest = arguments
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  the very string that `python -m` puts there
    _rebind(module, Path(launcher_folder))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _rebind(module: str, launcher_folder: Path) -> None:
    if importlib.util.find_spec(module) is None or importlib.util.find_spec(f"{module}.container") is None:
        return
    container = importlib.import_module(f"{module}.container")
    for constant in ("TOKEN_FILE", "TEESERVER_SOCKET"):
        there = getattr(container, constant)
        setattr(container, constant, type(there)(launcher_folder / Path(there).name))


if __name__ == "__main__":
    main(sys.argv[1:])
