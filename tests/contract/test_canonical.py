"""A document has one text: RFC 8785's own examples, and what it has no text for."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.canonical import (
    decimal,
    optional_decimal,
    parse_decimal,
    parse_optional_decimal,
    render_canonical,
)

LETTERS = st.characters(codec="utf-8")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(LETTERS),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(LETTERS), below, max_size=4),
    max_leaves=12,
)


def test_the_example_of_the_rfc() -> None:
    """RFC 8785, sections 3.2.2 to 3.2.4."""
    document = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\x0f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert (
        render_canonical(document)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_names_are_in_the_order_of_utf_16() -> None:
    """RFC 8785, section 3.2.3: a letter beyond the basic plane comes before the last ones within it."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    order = list(json.loads(render_canonical(dict.fromkeys(names, 0))))
    assert order == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


@given(st.dictionaries(st.text(LETTERS), JSON, max_size=5))
def test_what_is_written_is_read_as_it_was_and_written_again_alike(document: dict[str, Any]) -> None:
    """By a reader whose numbers are doubles, as JSON's are."""
    written = render_canonical(document)
    read = json.loads(written, parse_int=float)
    assert read == document
    assert render_canonical(read) == written


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), float("nan"), float("inf"), "\ud800", {1: 2}, Decimal(1), b"x"],
    ids=[
        "too large",
        "too small",
        "no number",
        "endless",
        "half a pair",
        "a name of a number",
        "decimal",
        "bytes",
    ],
)
def test_what_has_no_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        render_canonical({"value": value})


@given(st.integers(0, 2**64 - 1))
def test_a_number_of_64_bits_is_a_string_of_digits(number: int) -> None:
    assert parse_decimal(decimal(number)) == number


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_of_more_bits_is_not_written(number: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        decimal(number)


@pytest.mark.parametrize(
    "text", ["", "-1", "01", "+1", "1.0", "1e3", " 1", "\u0661", str(2**64), "1" * 21, 1, True, None]
)
def test_no_other_text_is_read_as_one(text: object) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        parse_decimal(text)


def test_what_is_not_said_stays_so() -> None:
    assert (optional_decimal(None), parse_optional_decimal(None)) == (None, None)
    assert (optional_decimal(7), parse_optional_decimal("7")) == ("7", 7)
    with pytest.raises(ValueError, match="64 bits"):
        parse_optional_decimal("07")
