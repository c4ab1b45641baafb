"""Runs a Python module as its container would, on a machine where no container can be made.

    python -P bare.py LAUNCHER_FOLDER MODULE ARGUMENT …

The container's fixed paths do not exist here, so the module's own constants for them
(`MODULE.container.TOKEN_FILE` and `.TEESERVER_SOCKET`) are pointed at the launcher's folder
before it runs. Nothing else of it is touched. A module that names the launcher's folder, but has no
such constants, is not run: it would look for its token where there is none.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import runpy
import sys
from pathlib import Path

_LAUNCHER_FOLDER = "/run/container_launcher"
_CONSTANTS = ("TOKEN_FILE", "TEESERVER_SOCKET")


def main(arguments: list[str]) -> None:
    """The module has run as `python -m MODULE` would run it."""
    launcher_folder, module, *rest = arguments
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  the very string that `python -m` puts there
    _rebind(module, Path(launcher_folder))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _rebind(module: str, launcher_folder: Path) -> None:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.submodule_search_locations is None:
        return  # whoever runs it says that there is none; a single file has no constants of ours
    if importlib.util.find_spec(f"{module}.container") is None:
        for folder in spec.submodule_search_locations or ():
            if any(_LAUNCHER_FOLDER in file.read_text("utf-8") for file in Path(folder).rglob("*.py")):
                sys.exit(
                    f"cannot run `{module}` bare: it uses `{_LAUNCHER_FOLDER}`, and has no `container.py`"
                )
        return
    container = importlib.import_module(f"{module}.container")
    for constant in _CONSTANTS:
        there = getattr(container, constant, None)
        if there is None:
            sys.exit(f"cannot run `{module}` bare: `{module}.container` has no `{constant}`")
        setattr(container, constant, type(there)(launcher_folder / Path(there).name))


if __name__ == "__main__":
    main(sys.argv[1:])
