"""The arrows between the rooms, as `pyproject.toml` draws them."""

from __future__ import annotations

import tomllib

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from deploy.image import SOURCE

ROOMS = ("attestation", "contract", "policy", "workload", "emulator", "deploy", "symbolon")


def test_no_arrow_points_the_wrong_way() -> None:
    assert lint_imports(config_filename=str(SOURCE / "pyproject.toml"), cache_dir=None) == EXIT_STATUS_SUCCESS


def test_every_room_stands_in_the_one_contract_of_layers() -> None:
    drawn = tomllib.loads((SOURCE / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert drawn["root_packages"] == list(ROOMS)
    (layers,) = (contract for contract in drawn["contracts"] if contract["type"] == "layers")
    rooms = [room.strip() for layer in layers["layers"] for room in layer.split("|")]
    assert sorted(rooms) == sorted(ROOMS)
