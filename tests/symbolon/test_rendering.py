"""What a person reads is what was meant: no terminal obeys it, and both ends of a digest are seen."""

from __future__ import annotations

import pytest

from symbolon.judging import ClauseAnswer
from symbolon.rendering import clause_lines, columns, printable_lines, shortened


def test_line_ends_are_kept_and_nothing_else_that_a_terminal_would_obey() -> None:
    assert printable_lines("a\x1b[2J\n\nb\r\nc\u202e") == "a\\x1b[2J\n\nb\nc\\u202e"


@pytest.mark.parametrize(
    ("width", "shown"), [(6, "abcdef"), (5, "ab\u2026ef"), (4, "ab\u2026f"), (2, "a\u2026")]
)
def test_what_is_too_wide_loses_its_middle(width: int, shown: str) -> None:
    assert shortened("abcdef", width) == shown
    assert len(shown) <= width


def test_no_rows_are_no_text() -> None:
    assert columns([]) == ""


def test_a_clause_says_its_outcome_its_text_on_one_line_and_what_would_admit() -> None:
    clause = ClauseAnswer(
        text='assertion.a ==\n  "b"',
        span=(0, 20),
        outcome="false",
        absent=(),
        reason="`a` is \x1b",
        fix="give `b`",
        claims={},
    )
    assert [str(line) for line in clause_lines(clause)] == [
        'FAIL  \u2717  assertion.a == "b"',
        "         `a` is \\x1b",
        "         fix: give `b`",
    ]
