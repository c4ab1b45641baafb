"""A shell that asks what could come next is told, and told nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from symbolon.__main__ import main


def completions(line: str, folder: Path) -> list[str]:
    """What the shell's function would be given for the line, the cursor at its end."""
    answer = folder / "answer"
    asking = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    run = subprocess.run(
        [sys.executable, "-m", "symbolon"], env=os.environ | asking, capture_output=True, check=True
    )
    assert run.stdout == b""
    return sorted(word.strip() for word in answer.read_text().splitlines())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("symbolon au", ["auditor"]),
        ("symbolon auditor rev", ["review"]),
        ("symbolon owner policy l", ["lint"]),
        ("symbolon auditor prove p --ques", ["--question"]),
        ("symbolon auditor prove p --question pinned-", ["pinned-image", "pinned-operator"]),
        ("symbolon xyz", []),
    ],
)
def test_commands_options_and_values_are_completed(line: str, words: list[str], tmp_path: Path) -> None:
    assert completions(line, tmp_path) == words


@pytest.mark.parametrize(
    ("shell", "registers"),
    [("bash", "complete "), ("zsh", "compdef "), ("fish", "complete --command symbolon")],
)
def test_each_shell_gets_lines_that_register_the_command(
    shell: str, registers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    assert any(line.strip().startswith(registers) for line in capsys.readouterr().out.splitlines())


def test_bash_reads_the_lines_and_knows_the_command() -> None:
    lines = subprocess.run(
        [sys.executable, "-m", "symbolon", "completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    script = lines + "\ncomplete -p symbolon\n"
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith("_python_argcomplete symbolon")
