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
    SymbolonError,
    Unavailable,
    quoted,
)

REJECTIONS: list[type[EvidenceRejected]] = [
    one for one in vars(rejections).values() if isinstance(one, type) and one is not EvidenceRejected
]


@pytest.mark.parametrize(
    ("family", "exit_code"), [(EvidenceRejected, 4), (Denied, 4), (Unavailable, 5), (Misconfigured, 7)]
)
def test_each_family_has_its_exit_code(family: type[SymbolonError], exit_code: int) -> None:
    assert family.exit_code == ExitCode(exit_code)
    assert family.code == family.family


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
