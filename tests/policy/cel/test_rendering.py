"""A constant is written as CEL that reads back as the constant."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from policy.cel.condition import Expression
from policy.cel.rendering import render_constant

CONSTANTS = [
    True,
    False,
    0,
    -7,
    "",
    "a",
    'say "b"',
    "'",
    "\\",
    "a\nb\r\t",
    "\x00\x7f\u202e",
    "\U000e0001",
    "\U0001f600",
]


@pytest.mark.parametrize("value", [*CONSTANTS, CONSTANTS, [[], ["a"]]], ids=ascii)
def test_it_reads_back(value: object) -> None:
    text = render_constant(value)
    assert Expression(text, most_characters=4096).evaluate({}) == value
    assert text.isprintable()


def test_a_tuple_is_a_list() -> None:
    assert render_constant(("a", 1)) == '["a", 1]'


def test_half_of_a_surrogate_pair_is_no_string_of_cel() -> None:
    with pytest.raises(Misconfigured, match=r"^`\\ud800` is a lone surrogate, no character$"):
        render_constant(["a", "\ud800"])


def test_what_cel_has_no_constant_for_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError):
        render_constant({"a": 1})
