"""A library belongs to the extra whose rooms import it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ROOMS = {path.parent.name for path in ROOT.glob("*/py.typed")}
# The demo's model and photos are of the extra `demo`; its stage starts the emulator.
EXTRAS = {
    "attestation": (),
    "contract": (),
    "policy": (),
    "deploy": (),
    "emulator": ("emulator",),
    "release": ("broker",),
    "symbolon": ("broker", "demo", "emulator", "sbom"),
}
# Who has Google's own runtime for CEL has a second reader of a policy; nobody needs it.
WITHOUT_AN_EXTRA = {"policy": {"cel-expr-python"}}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in requirements}


@lru_cache(maxsize=1)
def owners() -> Mapping[str, list[str]]:
    return packages_distributions()


def imported(room: str) -> set[str]:
    """The distributions that the room's modules import, anywhere in them."""
    found: set[str] = set()
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=aliases):
                    found.update(alias.name for alias in aliases)
                case ast.ImportFrom(module=str(module), level=0, names=aliases):
                    found.update(f"{module}.{alias.name}" for alias in aliases)
    tops = {name.split(".")[0] for name in found} - set(sys.stdlib_module_names) - ROOMS - {"google"}
    return {owner for top in tops for owner in owners().get(top, [top])}


@pytest.mark.parametrize("room", sorted(set(EXTRAS) & ROOMS))
def test_what_a_room_imports_is_brought_by_its_extra(room: str) -> None:
    extras = PROJECT["optional-dependencies"]
    brought = names(PROJECT["dependencies"]).union(*(names(extras[extra]) for extra in EXTRAS[room]))
    used = {name.lower().replace("_", "-") for name in imported(room)}
    assert used - WITHOUT_AN_EXTRA.get(room, set()) <= brought


def test_pyjwt_is_the_emulator_s() -> None:
    assert "pyjwt" in names(PROJECT["optional-dependencies"]["emulator"])
    assert "pyjwt" not in names(PROJECT["dependencies"])
    importers = {room for room in ROOMS if "PyJWT" in imported(room)}
    assert importers == {"emulator"}
