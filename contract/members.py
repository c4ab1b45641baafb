"""What the members of a document are read as. Anything else is an error, and the document malformed.

Whoever reads a document catches `TypeError` and `ValueError` once, for all of its members.
"""

from __future__ import annotations

import re

from attestation.digests import Digest, parse_digest

_PAST_THE_LARGEST = 2**31


def text(value: object) -> str:
    """Raises TypeError for what is no string."""
    if not isinstance(value, str):
        raise TypeError
    return value


def matching(pattern: re.Pattern[str], value: object) -> str:
    """Raises TypeError, ValueError for what is no string of the pattern."""
    if not pattern.fullmatch(text(value)):
        raise ValueError
    return text(value)


def digest(value: object) -> Digest:
    """Raises TypeError, Misconfigured for what is no digest."""
    return parse_digest(text(value))


def positive(value: object) -> int:
    """Raises ValueError for what is no whole number from 1 to 2^31 - 1."""
    if type(value) is not int or not 0 < value < _PAST_THE_LARGEST:
        raise ValueError
    return value
