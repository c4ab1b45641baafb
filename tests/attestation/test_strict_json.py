"""JSON that two readers could read differently is refused."""

from __future__ import annotations

import pytest

from attestation.errors import EvidenceRejected
from attestation.rejections import DuplicateClaim, TokenMalformed
from attestation.strict_json import parse_json_object
from tests.attestation.rejecting import Rejected, each_of, rejected_as

MAX_DEPTH = 32
MAX_INTEGER = 9_007_199_254_740_991
"""What every reader of I-JSON holds exactly."""


def nested(depth: int, opening: bytes, closing: bytes) -> bytes:
    """An object in which lists or objects nest so deep, itself included."""
    return b'{"a":' + opening * (depth - 1) + b"1" + closing * (depth - 1) + b"}"


REJECTED: Rejected[bytes] = [
    ("nothing", b"", TokenMalformed),
    ("a list", b"[]", TokenMalformed),
    ("a string", b'"a"', TokenMalformed),
    ("null", b"null", TokenMalformed),
    ("two objects", b"{}{}", TokenMalformed),
    ("an object that does not end", b'{"a": 1', TokenMalformed),
    ("a trailing comma", b'{"a": 1,}', TokenMalformed),
    ("single quotes", b"{'a': 1}", TokenMalformed),
    ("a comment", b"{} // a", TokenMalformed),
    ("a NUL after the object", b"{}\x00", TokenMalformed),
    ("a raw control character in a string", b'{"a": "\x00"}', TokenMalformed),
    ("a byte order mark", b"\xef\xbb\xbf{}", TokenMalformed),
    ("UTF-16", '{"a": 1}'.encode("utf-16"), TokenMalformed),
    ("bytes that are not UTF-8", b'{"a": "\xff"}', TokenMalformed),
    ("a surrogate in UTF-8", b'{"a": "\xed\xa0\x80"}', TokenMalformed),
    ("half a surrogate pair", b'{"a": "\\ud800"}', TokenMalformed),
    ("the other half, in a name", b'{"\\udc00": 1}', TokenMalformed),
    ("a half deep inside", b'{"a": [{"b": ["\\ud800"]}]}', TokenMalformed),
    ("NaN", b'{"a": NaN}', TokenMalformed),
    ("Infinity", b'{"a": Infinity}', TokenMalformed),
    ("-Infinity", b'{"a": -Infinity}', TokenMalformed),
    ("a float beyond all floats", b'{"a": 1e999}', TokenMalformed),
    ("2^53", b'{"a": %d}' % (MAX_INTEGER + 1), TokenMalformed),
    ("-2^53", b'{"a": %d}' % (-MAX_INTEGER - 1), TokenMalformed),
    ("a number of 100,000 digits", b'{"a": ' + b"9" * 100_000 + b"}", TokenMalformed),
    ("a name twice", b'{"a": 1, "a": 1}', DuplicateClaim),
    ("a name twice, once escaped", b'{"a": 1, "\\u0061": 2}', DuplicateClaim),
    ("a name twice deep inside", b'{"a": [{"b": 1, "c": 2, "b": 3}]}', DuplicateClaim),
    ("lists too deep", nested(MAX_DEPTH + 1, b"[", b"]"), TokenMalformed),
    ("objects too deep", nested(MAX_DEPTH + 1, b'{"a":', b"}"), TokenMalformed),
    ("lists 100,000 deep", nested(100_000, b"[", b"]"), TokenMalformed),
    ("objects 100,000 deep", nested(100_000, b'{"a":', b"}"), TokenMalformed),
    ("100,000 brackets without end", b'{"a":' + b"[" * 100_000, TokenMalformed),
]


@each_of(REJECTED)
def test_ambiguous_json_is_rejected(attempt: bytes, rejection: type[EvidenceRejected]) -> None:
    with rejected_as(rejection):
        parse_json_object(attempt, what="payload")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b" {\n} ", {}, id="an empty object"),
        pytest.param(b'{"a": %d}' % MAX_INTEGER, {"a": MAX_INTEGER}, id="the largest integer"),
        pytest.param(b'{"a": %d}' % -MAX_INTEGER, {"a": -MAX_INTEGER}, id="the smallest integer"),
        pytest.param(b'{"a": [1.5, null, true]}', {"a": [1.5, None, True]}, id="every other kind"),
        pytest.param(b'{"a": "\\u0000"}', {"a": "\0"}, id="an escaped NUL"),
        pytest.param(b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}, id="a surrogate pair"),
        pytest.param(b'{"a": 1, "b": {"a": 2}}', {"a": 1, "b": {"a": 2}}, id="a name in two objects"),
    ],
)
def test_plain_json_is_read(data: bytes, value: object) -> None:
    assert parse_json_object(data, what="payload") == value


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_deepest_nesting_is_read(opening: bytes, closing: bytes) -> None:
    parse_json_object(nested(MAX_DEPTH, opening, closing), what="payload")


def test_bytes_that_are_not_utf8_are_called_so() -> None:
    with pytest.raises(TokenMalformed, match=r"^the payload is not UTF-8$"):
        parse_json_object(b'{"eat_nonce": "\xff"}', what="payload")


def test_a_repeated_name_is_shown_on_one_line() -> None:
    with pytest.raises(DuplicateClaim) as caught:
        parse_json_object(b'{"b": 0, "a\\n`": 1, "a\\n`": 2}', what="payload")
    assert caught.value.message == r"`a\n\x60` stands twice in one object"
