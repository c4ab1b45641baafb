"""The arrows between the rooms, as `pyproject.toml` draws them."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from deploy.image import SOURCE

ROOMS = ("attestation", "contract", "policy", "workload", "emulator", "deploy", "release", "symbolon")


def test_no_arrow_points_the_wrong_way() -> None:
    assert lint_imports(config_filename=str(SOURCE / "pyproject.toml"), cache_dir=None) == EXIT_STATUS_SUCCESS


def contracts(type_: str) -> list[dict[str, Any]]:
    drawn = tomllib.loads((SOURCE / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert drawn["root_packages"] == list(ROOMS)
    return [contract for contract in drawn["contracts"] if contract["type"] == type_]


def allowed() -> dict[str, set[str]]:
    """The rooms that each room may import: what lies below it, less what is forbidden."""
    (layers,) = [[layer.split(" | ") for layer in each["layers"]] for each in contracts("layers")]
    below = {
        room: {each for lower in layers[i + 1 :] for each in lower}
        for i, layer in enumerate(layers)
        for room in layer
    }
    for each in contracts("forbidden"):
        for room in each["source_modules"]:
            below[room] -= set(each["forbidden_modules"])
    return below


def test_every_room_has_its_place() -> None:
    assert allowed().keys() == set(ROOMS)


def test_circles_are_looked_for_in_every_room() -> None:
    (circles,) = contracts("acyclic_siblings")
    assert circles["ancestors"] == list(ROOMS)


@pytest.mark.parametrize("page", ["docs/explanation/house.md", "CONTRIBUTING.md"])
def test_a_page_that_draws_the_arrows_draws_these(page: str) -> None:
    rows = re.findall(r"^\| `(\w+)/` \|.*\| ([^|]+) \|$", (SOURCE / page).read_text(), re.MULTILINE)
    drawn = {room: set() if may == "nothing of ours" else set(may.split(", ")) for room, may in rows}
    assert drawn == allowed()
