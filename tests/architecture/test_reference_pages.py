"""The reference pages say what the code says: they are what `scripts/reference` writes."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from contract.tables import keys_of, render_table
from contract.terms import TABLES, parse_terms, render_terms

ROOT = Path(__file__).parents[2]
PAGES = ("commands.md", "claims.md", "terms.md", "emulator-calls.md")


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


def test_the_example_of_the_terms_is_one_that_the_workload_takes_and_says_every_key() -> None:
    page = (ROOT / "docs" / "reference" / "terms.md").read_text(encoding="utf-8")
    example, by_a_broker = (each.partition("```")[0] for each in page.split("```toml\n")[1:])
    terms = parse_terms(example)
    assert render_terms(terms) == example
    said = tomllib.loads(example)
    whole = example.replace(render_table("release", terms.release), by_a_broker)
    assert whole != example
    assert render_terms(parse_terms(whole)) == whole
    said["release"] |= tomllib.loads(whole)["release"]
    assert said == {"format": 1} | {
        name: {each.name: said[name][each.name] for each in keys_of(table)} for name, table in TABLES.items()
    }
