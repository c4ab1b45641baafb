"""A reader that fails on some bytes is found out, and the bytes are kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READERS = '''\
def token(data):
    """Any byte, and no pair of one and the same letter."""
    if b"zz" in data:
        raise KeyError("a mistake")


def condition(data):
    """Whatever it is."""


READERS = {"token": token, "condition": condition}
'''
pytest.importorskip("atheris", reason="there is no atheris for this machine")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with two readers, a corpus of one input each, and the script."""
    for name, text in {
        "tests/fuzz/readers.py": READERS,
        "tests/fuzz/corpus/token/a": "zaz",
        "tests/fuzz/corpus/condition/a": "zz",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "scripts").mkdir()
    for script in ("fuzz", "in_environment.py"):
        shutil.copy(ROOT / "scripts" / script, tmp_path / "scripts")
    return tmp_path


def fuzz(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "scripts/fuzz"), *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def test_bytes_on_which_a_reader_fails_are_found_kept_and_tried_again(checkout: Path) -> None:
    run = fuzz(checkout, "token", "--seconds", "60")
    assert run.returncode == 3
    assert "KeyError: 'a mistake'" in run.stdout
    assert run.stderr.splitlines()[-2:] == [
        "error: the reader `token` failed",
        "hint: scripts/fuzz token --once .fuzz/token/failed fails once more",
    ]
    assert b"zz" in (checkout / ".fuzz/token/failed").read_bytes()
    again = fuzz(checkout, "token", "--once", ".fuzz/token/failed")
    assert again.returncode == 3
    assert "KeyError: 'a mistake'" in again.stderr


def test_a_reader_that_fails_on_nothing_is_a_yes(checkout: Path) -> None:
    run = fuzz(checkout, "condition", "--seconds", "1")
    assert run.returncode == 0, run.stderr
    assert "stat::number_of_executed_units" in run.stderr
    assert fuzz(checkout, "condition", "--once", "tests/fuzz/corpus/condition/a").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["tokens"],
            "there is no reader `tokens`; there are token, condition, archive, picture, sealed, log",
        ),
        (["--once", "tests/fuzz/corpus/token/a"], "--once takes one reader, and a file that is there"),
        (["token", "--once", "absent"], "--once takes one reader, and a file that is there"),
    ],
)
def test_what_is_not_there_is_wrong_usage(checkout: Path, arguments: list[str], said: str) -> None:
    run = fuzz(checkout, *arguments)
    assert (run.returncode, run.stderr.splitlines()[-1]) == (2, f"scripts/fuzz: error: {said}")
