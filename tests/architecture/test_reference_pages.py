"""The reference pages say what the code says: they are what `scripts/reference` writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("commands.md", "claims.md")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the script writes them now."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, ROOT / "scripts" / "reference", folder], check=True, cwd=ROOT)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_a_reference_page_is_what_the_script_writes(page: str, written: Path) -> None:
    committed = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert committed == (written / page).read_text(encoding="utf-8"), "run scripts/reference, and commit"
    assert len(committed.splitlines()) > 30
