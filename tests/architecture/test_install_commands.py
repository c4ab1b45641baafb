"""Whoever copies a command of ours gets our own package: on PyPI the name `symbolon` is a stranger's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = ("attestation", "contract", "policy", "workload", "emulator", "deploy", "release", "symbolon")
SHOWN_BESIDE = ("benchmarks", "scripts", "docs", ".ci", ".github")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
].keys()

_TOOL = r"(?:pipx|(?:-m )?(?:uv )?pip[\d.]*|(?:-m )?uv tool|(?:-m )?uv|easy_install|conda)"
_INSTALLERS = re.compile(rf"{_TOOL}\s+(?:install|run|add|inject)\b[^\n]*", re.IGNORECASE)
"""What installs a Python package by its name."""
_STRANGERS = re.compile(r"\binstall\s+(?:-\S+\s+)*[\"']?(?:symbolon\b(?!\[[a-z,]+\] @ )|\.\[)", re.IGNORECASE)
"""An installation under our name, or of an extra by its name: whatever stands before it."""
_EXTRA_WORD = re.compile(r"(?:install|need\w*|with(?:out)?|has) the extra `(\w+)`")
_ENVIRONMENTS = re.compile(r"scripts/environment\"?,? \"?([a-z]\w*|\{\w+\})")

ALLOWED = {
    # Our own package, from where it is kept.
    "docs/how-to/gate-a-pull-request.md": 'pipx install "symbolon[prove] @ $SYMBOLON"',
    # What a lock pins by its hashes, in the image.
    "deploy/Dockerfile": "pip install --no-cache-dir --no-compile --no-deps --only-binary=:all:",
    # uv itself, by its hash; and the reference that was made once, in an environment of its own.
    "scripts/environment": "pip install --quiet --disable-pip-version-check",
    "scripts/make-logits-reference": "pip install torch==2.13.0 pillow numpy",
}
"""Every command that installs something by a package's name, by the file that has it."""


def texts() -> dict[str, str]:
    """What is printed, and what is read, by its path."""
    rooms = (*SHOWN, *SHOWN_BESIDE)
    files = [*ROOT.glob("*.md"), *(path for room in rooms for path in (ROOT / room).rglob("*"))]
    files += [ROOT / ".pre-commit-hooks.yaml"]
    kinds = {".py", ".md", ".toml", ".sh", ".yaml", ".yml", ""}
    read = [each for each in files if each.is_file() and each.suffix in kinds]
    return {str(each.relative_to(ROOT)): each.read_text(encoding="utf-8") for each in read}


def test_no_command_that_is_shown_installs_a_package_by_our_name_from_pypi() -> None:
    shown = texts()
    assert {"README.md", "policy/proving/smt/questions.py", "symbolon/extras.py"} <= shown.keys()
    assert [name for name, text in shown.items() if _STRANGERS.search(text)] == []


def test_every_command_that_installs_a_package_by_name_is_known() -> None:
    found = {
        (name, " ".join(command.split()))
        for name, text in texts().items()
        for command in _INSTALLERS.findall(text)
    }
    unknown = [(name, command) for name, command in found if ALLOWED.get(name, "\n") not in command]
    assert sorted(unknown) == []
    assert {name for name, _ in found} == ALLOWED.keys()


def test_every_environment_that_is_named_is_one_of_an_extra_of_ours() -> None:
    named = {(name, extra) for name, text in texts().items() for extra in _ENVIRONMENTS.findall(text)}
    assert {"docs/tutorial-your-own-model.md", "symbolon/extras.py", ".ci/run"} <= {name for name, _ in named}
    assert {extra for _, extra in named if not extra.startswith("{")} <= set(EXTRAS)


def test_what_lacks_an_extra_names_the_command_that_brings_it() -> None:
    """A line that speaks of an extra which is missing has the command beside it."""
    silent = [
        (name, found[0])
        for name, text in texts().items()
        for found in _EXTRA_WORD.finditer(text)
        if f"scripts/environment {found[1]}" not in text[found.start() : found.end() + 120]
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("command", "is_a_stranger_s"),
    [
        ("pip install symbolon", True),
        ("not decided: install symbolon[prove]", True),
        ('pipx install "symbolon"', True),
        ("uv tool install --force symbolon", True),
        ("uv tool install '.[prove]'", True),
        ('pipx install "symbolon[prove] @ git+https://github.example/o/r@c0ffee"', False),
    ],
)
def test_a_command_is_told_by_where_its_package_comes_from(command: str, is_a_stranger_s: bool) -> None:
    assert bool(_STRANGERS.search(command)) is is_a_stranger_s


@pytest.mark.parametrize(
    "command",
    ["python3 -m pip install z3-solver", "uv pip install x", "uv add x", "pipx run x", "pip3 install x"],
)
def test_an_installer_is_seen_by_whatever_name(command: str) -> None:
    assert _INSTALLERS.search(command)
