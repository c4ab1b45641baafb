"""A model of an owner's, and photos, for the tests of what brings it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.saved_models import save_colours
from tests.symbolon.owner.shops import broker_database, owner_keys, shop
from tests.symbolon.owner.to_be_sealed import keys, protect, rotate, there
from tests.workload.samples import LABELS, picture

__all__ = ["broker_database", "keys", "owner_keys", "protect", "rotate", "shop", "there"]  # fixtures

COLOURS = {"red.png": (255, 0, 0), "green.png": (0, 255, 0), "blue.png": (0, 0, 255)}


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel that says `red`, `green` or `blue`, trained with 0 to 1; its label file lies beside it."""
    folder = save_colours(tmp_path_factory.mktemp("owner") / "colours")
    (folder.parent / "names.txt").write_text("\n".join(LABELS) + "\n")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three, of one colour each."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / name).write_bytes(picture(colour))
    return folder


NAMES = (
    *("--project", "primus", "--project-number", "100000000001"),
    *("--operator-account", "workload-sa@secundus.iam.gserviceaccount.com"),
)
"""Who the owner and the operator are."""
