"""Digests have one form."""

from __future__ import annotations

import hashlib

import pytest

from attestation.digests import digest_of, parse_digest
from attestation.errors import Misconfigured

GOOD = "sha256:" + "0123456789abcdef" * 4


def test_a_digest_in_canonical_form_is_kept_as_it_is() -> None:
    assert parse_digest(GOOD) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(GOOD[7:], id="no algorithm"),
        pytest.param(GOOD[:-1], id="a digit too few"),
        pytest.param(GOOD + "0", id="a digit too many"),
        pytest.param(GOOD.upper(), id="upper case"),
        pytest.param("sha256:" + "A" * 64, id="upper-case digits"),
        pytest.param("sha256:" + "g" * 64, id="no hex digits"),
        pytest.param("sha256:" + "\u0660" * 64, id="digits of another script"),
        pytest.param("sha512:" + "0" * 128, id="another algorithm"),
        pytest.param(GOOD + "\n", id="a newline at the end"),
        pytest.param(" " + GOOD, id="a space at the start"),
    ],
)
def test_anything_else_is_no_digest(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        parse_digest(text)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_the_digest_of_bytes_is_their_sha256() -> None:
    for data in (b"", b"model", bytes(range(256))):
        assert parse_digest(digest_of(data)) == f"sha256:{hashlib.sha256(data).hexdigest()}"
