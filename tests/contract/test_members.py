"""A member of a document is what it should be, or an error that makes the document malformed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from attestation.errors import Misconfigured
from contract import members

DIGEST = "sha256:" + "a" * 64
LETTERS = re.compile("[a-z]{2}")


def test_what_fits_is_what_is_read() -> None:
    assert members.text("") == ""
    assert members.matching(LETTERS, "ab") == "ab"
    assert members.digest(DIGEST) == DIGEST
    assert (members.positive(1), members.positive(2**31 - 1)) == (1, 2**31 - 1)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        *((members.text, value) for value in (None, 1, b"a", ["a"])),
        *((lambda value: members.matching(LETTERS, value), value) for value in (None, 1, "a", "abc", "AB")),
        *((members.digest, value) for value in (None, 1, "", DIGEST[:-1], DIGEST.upper())),
        *((members.positive, value) for value in (None, True, 0, -1, 1.0, "1", 2**31)),
    ],
)
def test_anything_else_is_an_error(read: Any, value: object) -> None:
    with pytest.raises((TypeError, ValueError, Misconfigured)):
        read(value)
