"""The arrows between the rooms, as `pyproject.toml` draws them."""

from __future__ import annotations

import tomllib

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from deploy.image import SOURCE

ROOMS = ("attestation", "contract", "policy", "workload", "emulator", "deploy", "symbolon")


def test_no_arrow_points_the_wrong_way() -> None:
    assert lint_imports(config_filename=str(SOURCE / "pyproject.toml"), cache_dir=None) == EXIT_STATUS_SUCCESS


def test_every_room_has_its_contract() -> None:
    contracts = tomllib.loads((SOURCE / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert contracts["root_packages"] == list(ROOMS)
    (layers,) = [each["layers"] for each in contracts["contracts"] if each["type"] == "layers"]
    assert {room for layer in layers for room in layer.split(" | ")} == set(ROOMS)
