"""Which of the operator's objects are pictures, by what a listing says of them."""

from __future__ import annotations

from contract.job import ListedPicture as ListedPicture

from .headers import MOST_BYTES

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
LARGE_BYTES = 8 << 20
"""A picture of more bytes is read by ranges."""


def is_picture(name: str) -> bool:
    """The object's name ends as a picture's does.

    >>> is_picture("june/Cat.JPG"), is_picture("june/notes.txt")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def most_bytes(picture: ListedPicture) -> int:
    """What the picture holds at most once it is read; one that is too large is not."""
    if picture.size > MOST_BYTES:
        return 0
    return MOST_BYTES if picture.is_gzipped else picture.size
