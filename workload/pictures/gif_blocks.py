"""The blocks of a GIF file in front of its first frame: all that a decoder needs of them.

Pillow reads each of them in Python, holding its lock, and there may be millions.

The bytes are a stranger's. Every step is within them and forward, and there is an end to their number.

Source: CompuServe GIF89a, sections 15 to 26.
"""

from __future__ import annotations

MOST_BLOCKS = 50_000
_VERSION = b"GIF89a"
_EXTENSION, _FRAME, _CONTROL = 0x21, 0x2C, 0xF9


class TooLong(Exception):
    """So much stands in front of the first frame that reading it would take long."""


def tidied(data: bytes) -> bytes | None:
    """The GIF without what is said in front of its first frame; None if there is no such.

    Of its version, which decoders pass over, there is one.

    Raises:
        TooLong: the first frame is behind more than `MOST_BLOCKS` blocks.
    """
    if len(data) < 13:
        return None
    start = 13 + _table_bytes(data[10])
    control, at, blocks = b"", start, 0
    while data[at : at + 1] == bytes([_EXTENSION]):
        began, at = at, at + 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
            blocks += 1
            if blocks > MOST_BLOCKS:
                raise TooLong
        at += 1
        if data[began + 1 : began + 2] == bytes([_CONTROL]):
            control = data[began:at]
    if data[at : at + 1] != bytes([_FRAME]):
        return None
    return _VERSION + data[len(_VERSION) : start] + control + data[at:]


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
