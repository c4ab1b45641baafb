"""The one way to write a document whose bytes are digested: JSON by RFC 8785, in UTF-8.

JSON's numbers are doubles, which hold no whole number above 2^53 - 1 for certain. So a number that may have
64 bits, as a generation of Cloud Storage, is written as a string of digits whatever its size (`decimal`),
and `render_canonical` refuses a larger one that is not.

Source: RFC 8785 (JSON Canonicalization Scheme); RFC 7493 (I-JSON), section 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import rfc8785

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)
_LARGEST = 2**64 - 1


def render_canonical(document: Mapping[str, object]) -> bytes:
    """The bytes of `document`, the same wherever they are made.

    >>> render_canonical({"b": 1.0, "a": ["x"]})
    b'{"a":["x"],"b":1}'

    Raises:
        ValueError: it holds what I-JSON has no text for: a whole number beyond 2^53 - 1, a number that is
            not finite, half of a surrogate pair, a name that is no string.
    """
    return rfc8785.dumps(dict(document))  # type: ignore[arg-type]  # it refuses what it cannot write


def decimal(number: int) -> str:
    """A number of up to 64 bits as the documents of this room write it.

    >>> decimal(2**63)
    '9223372036854775808'

    Raises:
        ValueError: it has a sign, or more bits.
    """
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"{number} is not a number of 64 bits")
    return str(number)


def parse_decimal(text: object) -> int:
    """The number that `decimal` wrote.

    Raises:
        ValueError: it is anything else: a number of JSON, a sign, a leading zero, more than 64 bits.
    """
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text) or int(text) > _LARGEST:
        raise ValueError("it is not a number of 64 bits, written as a string of digits")
    return int(text)


def optional_decimal(number: int | None) -> str | None:
    """As `decimal`; None, where nothing is said, stays None."""
    return None if number is None else decimal(number)


def parse_optional_decimal(text: object) -> int | None:
    """As `parse_decimal`, of what `optional_decimal` wrote."""
    return None if text is None else parse_decimal(text)
