"""Which of the operator's objects are pictures, by what a listing says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .headers import MOST_BYTES

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
LARGE_BYTES = 8 << 20
"""A picture of more bytes is read by ranges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPicture:
    """An object that was there when the bucket was listed; later generations of it are not read.

    `crc32c` is named of one that is read by ranges, which have no checksum of their own. It and `size` are
    those of the bytes as they are stored, which may be gzip's (Content-Encoding).
    """

    name: str
    generation: int
    size: int
    crc32c: str = ""
    is_gzipped: bool = False

    @property
    def most_bytes(self) -> int:
        """What the picture holds at most once it is read; one that is too large is not."""
        if self.size > MOST_BYTES:
            return 0
        return MOST_BYTES if self.is_gzipped else self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is in a folder: its pictures, in order, and how many objects are there that are none.

    The object of a console that stands for the folder itself does not count.
    """

    pictures: Sequence[ListedPicture]
    left_out: int


def is_picture(name: str) -> bool:
    """The object's name ends as a picture's does.

    >>> is_picture("june/Cat.JPG"), is_picture("june/notes.txt")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)
