"""Failures that people read: families, slugs, and input shown safely."""

from __future__ import annotations

import re

import pytest

from attestation import rejections
from attestation.errors import (
    Denied,
    EvidenceRejected,
    ExitCode,
    Misconfigured,
    NotKnown,
    SymbolonError,
    Unavailable,
    quoted,
)

REJECTIONS: list[type[EvidenceRejected]] = [
    one for one in vars(rejections).values() if isinstance(one, type) and one is not EvidenceRejected
]


@pytest.mark.parametrize(
    ("family", "word", "exit_code"),
    [
        (SymbolonError, "bug", 1),
        (EvidenceRejected, "evidence-rejected", 4),
        (Denied, "denied", 4),
        (Unavailable, "unavailable", 5),
        (NotKnown, "not-known", 6),
        (Misconfigured, "misconfigured", 7),
    ],
)
def test_each_family_is_written_as_a_word_and_a_number(
    family: type[SymbolonError], word: str, exit_code: int
) -> None:
    assert (family.family, family.code, int(family.exit_code)) == (word, word, exit_code)


def test_a_process_says_with_eight_numbers_how_it_ended() -> None:
    assert {one.name: one.value for one in ExitCode} == {
        "YES": 0,
        "BUG": 1,
        "USAGE": 2,
        "ANSWERED_NO": 3,
        "REFUSED": 4,
        "UNAVAILABLE": 5,
        "UNKNOWN": 6,
        "MISCONFIGURED": 7,
    }


def test_an_error_without_a_hint_has_an_empty_one() -> None:
    assert SymbolonError("it broke").hint == ""


def test_an_error_is_its_message_and_keeps_its_hint_apart() -> None:
    error = Misconfigured("`x` is not a number", hint="write digits")
    assert str(error) == error.message == "`x` is not a number"
    assert error.hint == "write digits"


@pytest.mark.parametrize("rejection", REJECTIONS, ids=lambda one: one.__name__)
def test_each_rejection_is_named_by_a_slug_of_its_own(rejection: type[EvidenceRejected]) -> None:
    assert issubclass(rejection, EvidenceRejected)
    assert rejection.family == "evidence-rejected"
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rejection.code)
    assert [one.code for one in REJECTIONS].count(rejection.code) == 1
    assert rejection.__doc__


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gs://bucket/model", "`gs://bucket/model`"),
        ("", "``"),
        ("a\r\nb\t\0", r"`a\r\nb\t\x00`"),
        ("\x1b[31mred", r"`\x1b[31mred`"),
        ("a`b", r"`a\x60b`"),
        ("\u202egnp.exe", r"`\u202egnp.exe`"),
        ("\ud800", r"`\ud800`"),
        ("Katze 🐈", "`Katze 🐈`"),
        ("x" * 80, "`" + "x" * 80 + "`"),
        ("x" * 81, "`" + "x" * 80 + "…`"),
    ],
)
def test_input_is_shown_printable_and_not_too_long(text: str, shown: str) -> None:
    assert quoted(text) == shown


def test_where_a_text_is_cut_can_be_chosen() -> None:
    assert quoted("x" * 5, most_characters=4) == "`xxxx…`"
    assert quoted("x" * 4, most_characters=4) == "`xxxx`"


@pytest.mark.parametrize("rejection", REJECTIONS, ids=lambda one: one.__name__)
def test_the_slug_of_a_rejection_is_its_name_in_words(rejection: type[EvidenceRejected]) -> None:
    assert rejection.code == re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=A)(?=C)", "-", rejection.__name__).lower()
