"""What a person reads is what was meant: no terminal obeys it, and both ends of a digest are seen."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from symbolon.judging import ClauseAnswer
from symbolon.rendering import Console, clause_lines, columns, printable_lines, shortened, styled


def test_line_ends_are_kept_and_nothing_else_that_a_terminal_would_obey() -> None:
    assert printable_lines("a\x1b[2J\n\nb\r\nc\u202e") == "a\\x1b[2J\n\nb\nc\\u202e"


class Terminal(io.StringIO):
    """A file that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("file", "environment", "has_colours"),
    [
        pytest.param(Terminal, {}, True, id="a terminal"),
        pytest.param(Terminal, {"NO_COLOR": "1"}, False, id="a terminal whose owner wants none"),
        pytest.param(Terminal, {"NO_COLOR": "", "FORCE_COLOR": ""}, True, id="what is empty says nothing"),
        pytest.param(Terminal, {"TERM": "dumb"}, False, id="a terminal that knows no codes"),
        pytest.param(io.StringIO, {}, False, id="a pipe"),
        pytest.param(io.StringIO, {"FORCE_COLOR": "1"}, True, id="a pipe whose owner wants them"),
        pytest.param(io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="both are said"),
    ],
)
def test_colours_are_where_somebody_sees_them(
    monkeypatch: pytest.MonkeyPatch,
    file: Callable[[], io.StringIO],
    environment: dict[str, str],
    has_colours: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    written = file()
    Console(written).print(styled(("DENY", "bold red"), "  it says no"))
    assert written.getvalue() == (
        "\x1b[1;31mDENY\x1b[0m  it says no\n" if has_colours else "DENY  it says no\n"
    )


@pytest.mark.parametrize("stretch", [slice(0, 3), slice(2, 6), slice(4, None), slice(5, 5), slice(0, 99)])
def test_a_part_of_a_line_keeps_its_styles(stretch: slice) -> None:
    line = styled(("abcd", "bold"), ("efg", "dim"), "hi")
    styles = "bbbbdddnn"
    part = line[stretch]
    assert str(part) == "abcdefghi"[stretch]
    shown = "".join((style or "n")[0] * len(text) for text, style in part.parts)
    assert shown == styles[stretch]


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
