"""A decision is a page, with its status, its date and what would change our mind."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

DECISIONS = sorted((Path(__file__).parents[2] / "docs" / "decisions").glob("[0-9]*.md"))
STATUS = re.compile(r"\*(Proposed|Accepted|Replaced by \[\d+\]\([\w.-]+\)), (\d{4}-\d\d-\d\d)\.\*")
MOST_WORDS = 900
"""Of a page in small print; figures stand in docs/explanation/performance.md."""


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: str(page.stem))
def test_a_decision_says_what_a_reader_looks_for(page: Path) -> None:
    title, empty, status, *rest = page.read_text(encoding="utf-8").splitlines()
    assert title.startswith(f"# {int(page.stem[:4])}. ")
    assert empty == ""
    said = STATUS.fullmatch(status)
    assert said, "the third line is a status and a date: *Accepted, 2026-01-31.*"
    date.fromisoformat(said[2])
    text = "\n".join(rest)
    assert "**What would change our mind.**" in text
    assert len(text.split()) <= MOST_WORDS


def test_numbers_follow_one_another() -> None:
    numbers = [int(page.stem[:4]) for page in DECISIONS]
    assert len(set(numbers)) == len(numbers)
    assert numbers[:12] == list(range(1, 13))
