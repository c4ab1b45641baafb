"""Taking a token apart: one text a token, and nothing believed."""

from __future__ import annotations

import pytest

from attestation.errors import EvidenceRejected
from attestation.rejections import TokenMalformed, TokenTooLarge
from attestation.tokens import decode_base64url, parse_token
from tests.attestation.signing import base64url

HEADER, PAYLOAD = base64url(b'{"alg": "RS256"}'), base64url(b'{"a": 1}')


def test_a_token_is_taken_apart() -> None:
    token = parse_token(f"{HEADER}.{PAYLOAD}.AQID")
    assert token.header == {"alg": "RS256"}
    assert token.claims == {"a": 1}
    assert token.signing_input == f"{HEADER}.{PAYLOAD}".encode()
    assert token.signature == b"\x01\x02\x03"


def test_a_token_shows_nothing_of_itself() -> None:
    token = parse_token(f"{HEADER}.{PAYLOAD}.AQID")
    assert repr(token) == str(token) == "UnverifiedToken(<redacted>)"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("..", id="three empty parts"),
        pytest.param(f"{HEADER}.{PAYLOAD}", id="no signature"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AQID.", id="four parts"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AQID\n", id="a newline at the end"),
        pytest.param(f" {HEADER}.{PAYLOAD}.AQID", id="a space at the start"),
        pytest.param(f"Bearer {HEADER}.{PAYLOAD}.AQID", id="a whole authorization header"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AQI=", id="padding"),
        pytest.param(f"{HEADER}.{PAYLOAD}.A", id="six bits"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AR", id="stray low bits after one byte"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AQJ", id="stray low bits after two bytes"),
        pytest.param(f"{HEADER}.{PAYLOAD}.A+/A", id="the other base64"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AQİD", id="a letter that is not ASCII"),
        pytest.param(f"{HEADER}.{PAYLOAD}.\ud800AAA", id="half a surrogate pair"),
        pytest.param(f"{HEADER}.{PAYLOAD}.AAA\x00", id="a NUL"),
        pytest.param(f"{base64url(b'[]')}.{PAYLOAD}.AQID", id="a header that is no object"),
        pytest.param(f"{HEADER}.{base64url(b'1')}.AQID", id="a payload that is no object"),
    ],
)
def test_any_other_text_is_malformed(text: str) -> None:
    with pytest.raises(EvidenceRejected) as caught:
        parse_token(text)
    assert type(caught.value) is TokenMalformed


@pytest.mark.parametrize(
    ("text", "part"),
    [("*.e30.AQ", "header"), ("e30.*.AQ", "payload"), ("e30.e30.*", "signature")],
)
def test_the_part_that_is_no_base64url_is_named(text: str, part: str) -> None:
    with pytest.raises(TokenMalformed, match=f"^the token's {part} is not base64url"):
        parse_token(text)


def test_the_longest_token_is_read_and_one_character_more_is_too_large() -> None:
    start = base64url(b'{"alg" : "RS256"}') + f".{PAYLOAD}."
    longest = start + "A" * (2**20 - len(start))
    assert parse_token(longest).claims == {"a": 1}
    with pytest.raises(TokenTooLarge):
        parse_token(longest + "A")


def test_every_byte_string_has_one_text() -> None:
    for data in (b"", b"\x00", b"\xff\xff", b"\xfb\xef\xbe", bytes(range(256))):
        assert decode_base64url(base64url(data)) == data


def test_only_one_of_sixteen_or_four_endings_is_canonical() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert sum(decode_base64url("A" + last) is not None for last in alphabet) == 4
    assert sum(decode_base64url("AA" + last) is not None for last in alphabet) == 16
    assert sum(decode_base64url("AAA" + last) is not None for last in alphabet) == 64
