"""Whoever copies a command of ours gets our own package: on PyPI the name `symbolon` is a stranger's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = ("attestation", "policy", "workload", "emulator", "deploy", "symbolon", "scripts", "docs")
STRANGERS = re.compile(r"\binstall\s+(?:-\S+\s+)*[\"']?symbolon\b(?!\[[a-z,]+\] @ )", re.IGNORECASE)


def texts() -> dict[str, str]:
    """What is printed, and what is read, by its path."""
    files = [*ROOT.glob("*.md"), *(path for room in SHOWN for path in (ROOT / room).rglob("*"))]
    kinds = {".py", ".md", ".toml", ".sh", ""}
    read = [each for each in files if each.is_file() and each.suffix in kinds]
    return {str(each.relative_to(ROOT)): each.read_text(encoding="utf-8") for each in read}


def test_no_command_that_is_shown_installs_a_package_by_our_name_from_pypi() -> None:
    shown = texts()
    assert {"README.md", "policy/proving/smt/questions.py"} <= shown.keys()
    assert [name for name, text in shown.items() if STRANGERS.search(text)] == []


@pytest.mark.parametrize(
    ("command", "is_a_stranger_s"),
    [
        ("pip install symbolon", True),
        ("not decided: install symbolon[prove]", True),
        ('pipx install "symbolon"', True),
        ("uv tool install --force symbolon", True),
        ("uv tool install '.[prove]'", False),
        ('pipx install "symbolon[prove] @ git+https://github.example/o/r@c0ffee"', False),
    ],
)
def test_a_command_is_told_by_where_its_package_comes_from(command: str, is_a_stranger_s: bool) -> None:
    assert bool(STRANGERS.search(command)) is is_a_stranger_s
