"""A rule begins with three files that fail until they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from policy.findings import Severity

ROOT = Path(__file__).parents[2]
SLUG = "unpinned-zone"
WRITTEN = {
    "policy/rules/unpinned_zone.py",
    "tests/policy/rules/test_unpinned_zone.py",
    "docs/reference/rules/unpinned-zone.md",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the script and the tests of a rule need of the repository."""
    without = shutil.ignore_patterns("__pycache__")
    for folder in ("attestation", "policy", "tests/policy", "docs/reference/rules"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=without)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/new-rule", tmp_path / "scripts")
    shutil.copy(ROOT / "tests/tokens.py", tmp_path / "tests")
    return tmp_path


def new_rule(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(checkout / "scripts/new-rule"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def failing(checkout: Path) -> set[str]:
    """The tests of the rule, and of the pages, that fail."""
    tests = ("tests/policy/rules/test_unpinned_zone.py", "tests/policy/test_linting.py")
    which = "unpinned_zone or unpinned-zone or one_slug or list_of_pages"
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--import-mode=importlib")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, "-k", which, *tests],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error" not in run.stdout.splitlines()[-1], run.stdout
    return set(re.findall(r"^FAILED \S*::(\S+)", run.stdout, re.MULTILINE))


def test_a_new_rule_fails_until_it_is_written_and_its_place_is_made(checkout: Path) -> None:
    made = new_rule(checkout, SLUG, "--severity", "high", "--title", "a machine in any zone is admitted")
    assert made.returncode == 0, made.stderr
    assert set(made.stdout.splitlines()[:-1]) == WRITTEN
    assert failing(checkout) == {
        "test_it_is_found",
        "test_what_is_right_is_not_found",
        f"test_what_a_page_tells_to_avoid_is_found_and_what_it_prefers_is_not[{SLUG}]",
    }


@pytest.mark.parametrize(
    "slug", ["Zone", "unpinned_zone", "-zone", "zone-", "a--b", "zone!", "", "../zone", "9zone"]
)
def test_a_malformed_slug_is_refused(slug: str, checkout: Path) -> None:
    before = sorted(checkout.rglob("*"))
    refused = new_rule(checkout, "--", slug)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: `{slug}` is no slug\nhint: ")
    assert sorted(checkout.rglob("*")) == before


def test_a_rule_that_is_there_is_refused_and_stays_as_it_is(checkout: Path) -> None:
    page = (checkout / "docs/reference/rules/deny-list.md").read_bytes()
    refused = new_rule(checkout, "deny-list")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (2, "error: there is a rule `deny-list`")
    assert (checkout / "docs/reference/rules/deny-list.md").read_bytes() == page


def test_a_title_that_would_break_the_table_is_refused(checkout: Path) -> None:
    assert new_rule(checkout, SLUG, "--title", "this | that").returncode == 2


def test_the_help_says_what_a_slug_is(checkout: Path) -> None:
    shown = new_rule(checkout, "--help")
    assert shown.returncode == 0
    assert "lower-case words" in shown.stdout


def test_the_severities_are_those_of_findings(checkout: Path) -> None:
    shown = " ".join(new_rule(checkout, "--help").stdout.split())
    labels = [severity.label for severity in sorted(Severity, reverse=True)]
    assert f"--severity {{{','.join(labels)}}}" in shown
