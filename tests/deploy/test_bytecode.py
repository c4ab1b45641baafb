"""The image's bytecode: written by the commands of the Dockerfile, it is the same in every build."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.image import SOURCE, read_dockerfile

UNCHECKED_HASH = (1).to_bytes(4, "little")
"""The flags in a `.pyc`: found by the source's hash, which is not looked at. Source: PEP 552."""


def compilations() -> list[str]:
    return [run for run in read_dockerfile().runs if "compileall" in run]


def compile_as_the_image_does(run: str, folder: Path) -> dict[str, bytes]:
    """The bytecode by its path in `folder`, which takes the place of the folder that `run` names."""
    python, *arguments, _ = shlex.split(run)
    assert python == "python"
    for found in folder.rglob("__pycache__"):
        shutil.rmtree(found)
    # As random as it is wherever nobody has settled it.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([sys.executable, *arguments, str(folder)], check=True, env=env)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.pyc")}


def test_libraries_and_our_own_files_are_compiled_after_they_are_there() -> None:
    targets = [shlex.split(run)[-1] for run in compilations()]
    assert targets == ["/usr/local/lib/python3.11", "/app"]


@pytest.mark.parametrize("run", compilations())
def test_two_builds_write_the_same_bytecode_whatever_the_time(run: str, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    for room in ("attestation", "workload"):
        shutil.copytree(SOURCE / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    # The order of a set's elements differs between processes.
    (folder / "order.py").write_text("def f(x): return x in {'a', 'b', 'c', 'd', 'e', 'f', 'g'}\n")
    first = compile_as_the_image_does(run, folder)
    assert len(first) == len(list(folder.rglob("*.py")))
    for number, path in enumerate(sorted(folder.rglob("*.py"))):
        os.utime(path, (number, number))
    assert compile_as_the_image_does(run, folder) == first
    assert {bytecode[4:8] for bytecode in first.values()} == {UNCHECKED_HASH}
