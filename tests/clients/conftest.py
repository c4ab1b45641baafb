"""Other people's programs, as a person types them, in front of an emulator of ours.

The tests of a program that is not installed are skipped, and say so; those of one that SYMBOLON_CLIENTS names
fail, as in CI, where a client that was there must not be gone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from emulator.running import Running
from symbolon.emulator.command import environment_of

NOT_REQUIRED = "not required: "
"""How a skip's reason begins that CI lets pass, as conftest.py at the top has it."""
_TIMEOUT_S = 600


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A person's shell: it has this environment and no other."""

    env: Mapping[str, str]
    folder: Path

    def run(self, program: str, *arguments: str | Path, code: int = 0, stdin: str = "") -> str:
        """What the program wrote to its output; it ended with `code`, or the test says what it said."""
        return self.ask(program, *arguments, code=code, stdin=stdin).stdout

    def ask(
        self, program: str, *arguments: str | Path, code: int = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """What the program wrote, to either output; it ended with `code`."""
        command = [installed(program), *map(str, arguments)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=dict(self.env),
            cwd=self.folder,
            input=stdin,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == code, (
            f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done


def installed(program: str) -> str:
    """Where the program is; where it is not, the test is skipped, or fails."""
    return shutil.which(program) or gone(program, f"{program} is not installed")


def gone(client: str, why: str) -> NoReturn:
    """The test is skipped; or it fails, where SYMBOLON_CLIENTS names the client."""
    if client in os.environ.get("SYMBOLON_CLIENTS", "").split():
        pytest.fail(f"{why}, and SYMBOLON_CLIENTS names it", pytrace=False)
    pytest.skip(f"{NOT_REQUIRED}{why}")


@pytest.fixture
def shell_of(emulator: Running, tmp_path: Path) -> Callable[[str], Shell]:
    """`owner`, `operator` or `auditor` → their shell, after `eval "$(symbolon emulator env …)"`."""

    def open_shell(party: str) -> Shell:
        return shell_in_front_of(emulator, party, tmp_path)

    return open_shell


def shell_in_front_of(emulator: Running, party: str, folder: Path) -> Shell:
    """That party's shell, whose home and working folder are below `folder`."""
    home = folder / party
    home.mkdir(exist_ok=True)
    own = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    return Shell(env=own | environment_of(emulator, party), folder=home)
