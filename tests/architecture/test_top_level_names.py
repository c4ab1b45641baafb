"""Nothing that is installed claims a name of ours, in this environment and so in the image."""

from __future__ import annotations

import sys
from importlib.metadata import distributions

import pytest

ROOMS = ("attestation", "contract", "policy", "workload", "emulator", "deploy", "release", "symbolon")


def top_level_names() -> dict[str, set[str]]:
    """The distributions that install something importable under each top-level name; ours left out."""
    owners: dict[str, set[str]] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name == "symbolon":
            continue
        for file in distribution.files or ():
            owners.setdefault(file.parts[0].split(".")[0], set()).add(name)
    return owners


@pytest.mark.parametrize("room", ROOMS)
def test_no_dependency_ships_a_package_of_our_name(room: str) -> None:
    assert top_level_names().get(room, set()) == set()


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_of_the_standard_library_has_our_name(room: str) -> None:
    assert room not in sys.stdlib_module_names
