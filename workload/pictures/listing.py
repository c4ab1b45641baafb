"""How the operator's pictures are read, by what a listing says of them."""

from __future__ import annotations

from contract.job import ListedPicture as ListedPicture

from .headers import MOST_BYTES

LARGE_BYTES = 8 << 20
"""A picture of more bytes is read by ranges."""


def most_bytes(picture: ListedPicture) -> int:
    """What the picture holds at most once it is read; one that is too large is not."""
    if picture.size > MOST_BYTES:
        return 0
    return MOST_BYTES if picture.is_gzipped else picture.size
