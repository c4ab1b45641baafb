"""Request preconditions: act only if the object, or the bucket, is still what the client saw.

Source: Cloud Storage documentation, "Request preconditions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import GoogleError
from .errors import invalid, precondition_failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """What must hold; generation 0 stands for "there is no such object"."""

    generation_match: int | None
    generation_not_match: int | None
    metageneration_match: int | None
    metageneration_not_match: int | None

    def check(self, generation: int, metageneration: int, *, reading: bool = False) -> None:
        """They hold for a resource of this generation and metageneration (0 and 0: none).

        Raises:
            GoogleError: 412; 304 where what was only read is what the client already has.
        """
        if self.generation_match not in (None, generation):
            raise precondition_failed()
        if self.metageneration_match not in (None, metageneration):
            raise precondition_failed()
        if generation == self.generation_not_match or metageneration == self.metageneration_not_match:
            raise GoogleError(304, "Not Modified") if reading else precondition_failed()


def parse_preconditions(query: Mapping[str, str], *, prefix: str = "if") -> Preconditions:
    """The preconditions of a query; `ifSource` is the prefix of a copy's source.

    >>> parse_preconditions({"ifGenerationMatch": "0"}).generation_match
    0

    Raises:
        GoogleError: 400 where one is not a whole number.
    """
    return Preconditions(
        generation_match=whole_number(query, prefix + "GenerationMatch"),
        generation_not_match=whole_number(query, prefix + "GenerationNotMatch"),
        metageneration_match=whole_number(query, prefix + "MetagenerationMatch"),
        metageneration_not_match=whole_number(query, prefix + "MetagenerationNotMatch"),
    )


def whole_number(query: Mapping[str, str], name: str) -> int | None:
    """The parameter's value, or None where the query does not have it.

    Raises:
        GoogleError: 400 where it is not a whole number, negative ones included.
    """
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise invalid(f"Invalid unsigned long value: '{text[:80]}'.", reason="invalidParameter")
    return int(text)
