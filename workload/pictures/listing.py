"""Which of the operator's objects are pictures, by what a listing says of them."""

from __future__ import annotations

from dataclasses import dataclass

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
LARGE_BYTES = 8 << 20
"""A picture of more bytes is read by ranges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPicture:
    """An object that was there when the bucket was listed; later generations of it are not read.

    `crc32c` is named of one that is read by ranges, which have no checksum of their own.
    """

    name: str
    generation: int
    size: int
    crc32c: str = ""


def is_picture(name: str) -> bool:
    """The object's name ends as a picture's does.

    >>> is_picture("june/Cat.JPG"), is_picture("june/notes.txt")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)
