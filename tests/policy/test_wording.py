"""Claims and input are shown on one line, bounded, and with nothing that a terminal would obey."""

from __future__ import annotations

import json

import pytest

from policy.wording import escaped_in_string, listed, rendered, with_moment


@pytest.mark.parametrize(
    "value",
    ["plain", 'say "b"', "back\\slash", "a\nb\tc\rd", "\x00\x1b[2J", "\u202e", "caf\u00e9"],
    ids=ascii,
)
def test_a_text_is_shown_as_json_that_reads_back_as_the_text(value: str) -> None:
    shown = rendered(value)
    assert json.loads(shown) == value
    assert shown.isprintable()


def test_a_character_beyond_the_first_plane_has_eight_digits() -> None:
    assert escaped_in_string(chr(0xE0001)) == "\\U000e0001"


def test_what_is_long_is_cut() -> None:
    assert rendered("x" * 160) == f'"{"x" * 160}"'
    assert rendered("x" * 161) == f'"{"x" * 159}\u2026"'
    assert rendered(list(range(9))) == "[0, 1, 2, 3, 4, 5, 6, 7, \u2026]"
    assert rendered({str(i): i for i in range(9)}).endswith('"7": 7, \u2026}')


def test_what_is_deep_is_cut() -> None:
    assert rendered([[[[[1]]]]]) == "[[[[[\u2026]]]]]"
    assert rendered([[[[[]]]]]) == "[[[[[]]]]]"
    assert rendered([[[[{"a": 1}]]]]) == "[[[[{\u2026}]]]]"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 (1970-01-01T00:00:00Z)"),
        (True, "true"),
        ("1757060250", '"1757060250"'),
        (10**18, "1000000000000000000"),
        (float("inf"), "inf"),
    ],
)
def test_a_moment_stands_beside_seconds_and_beside_nothing_else(value: object, shown: str) -> None:
    assert with_moment(value) == shown


def test_choices_are_listed_as_a_sentence_lists_them() -> None:
    assert [listed(["a", "b", "c"][:n], "and") for n in range(4)] == ["", "a", "a and b", "a, b and c"]
