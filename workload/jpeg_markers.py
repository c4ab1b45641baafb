"""The segments of a JPEG file, as far as its markers tell: nothing in it is decoded here.

The bytes are a stranger's. Every step is within them and forward, and what is not as the standard
has it ends the walk.

Source: ITU-T T.81, annex B; libjpeg-turbo/libjpeg-turbo, jdmarker.c and jdcoefct.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_SOF_PROGRESSIVE, _DHT, _EOI, _SOS, _DQT, _DRI = 0xC2, 0xC4, 0xD9, 0xDA, 0xDB, 0xDD
_JFIF, _ADOBE = 0xE0, 0xEE
_BLOCK = 1 << 20

# Within coded data: a stuffed zero, a restart, or a filler.
_IS_MARKER = np.ones(256, np.bool_)
_IS_MARKER[[0x00, 0xFF, *range(0xD0, 0xD8)]] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """`marker` and its bytes in the file, the marker included, and the coded data behind a scan's header."""

    marker: int
    start: int
    body: int
    end: int


def ends(data: bytes) -> bool:
    """The walk finds the end of the picture: the file is not cut off."""
    marker = 0
    for segment in _segments(data):
        marker = segment.marker
    return marker == _EOI


def has_adobe_marker(data: bytes) -> bool:
    """One of Adobe's programs wrote it, or claims to have."""
    return any(
        segment.marker == _ADOBE
        and segment.end - segment.body >= 12
        and data.startswith(b"Adobe", segment.body)
        for segment in _segments(data)
    )


def dc_scans(data: bytes) -> bytes | None:
    """The progressive JPEG without what only details need: at one eighth of its size it looks the same.

    None, if it is not progressive, or anything in it is unusual.
    """
    kept = [data[:2]]
    frames = scans = 0
    marker, end = 0, 2
    for segment in _segments(data):
        if segment.start != end:
            return None
        marker, end = segment.marker, segment.end
        content = data[segment.start : segment.end]
        if marker == _SOF_PROGRESSIVE:
            frames += 1
        elif marker == _DQT:
            flat = _without_ac_steps(data[segment.body : segment.end])
            if flat is None:
                return None
            content = data[segment.start : segment.body] + flat
        elif marker == _SOS:
            header = data[segment.body]
            if segment.end - segment.body < 2 * header + 4:
                return None
            if data[segment.body + 1 + 2 * header] != 0:
                continue
            scans += 1
        elif marker not in (_DHT, _DRI, _EOI, _JFIF, _ADOBE):
            if not 0xE0 <= marker <= 0xEF and marker != 0xFE:
                return None
            continue
        kept.append(content)
    if marker != _EOI or frames != 1 or scans == 0:
        return None
    return b"".join(kept)


def _without_ac_steps(tables: bytes) -> bytes | None:
    """Quantization tables whose steps for all but the mean are 0.

    Where libjpeg has a step for a coefficient that no scan has brought yet, it invents a smooth picture
    between the means; with these it cannot, and shows the means themselves.
    """
    flat = bytearray()
    at = 0
    while at < len(tables):
        size = 2 if tables[at] >> 4 else 1
        if at + 1 + 64 * size > len(tables):
            return None
        flat += tables[at : at + 1 + size] + bytes(63 * size)
        at += 1 + 64 * size
    return bytes(flat)


def _segments(data: bytes) -> Iterator[Segment]:
    """Every segment from the first one behind the start of the picture, to its end or to what is odd.

    As libjpeg does, bytes between segments are passed over.
    """
    at = 2
    while (start := _next_marker(data, at)) + 2 <= len(data):
        marker = data[start + 1]
        if marker == _EOI:
            yield Segment(marker=marker, start=start, body=start + 2, end=start + 2)
            return
        if marker < 0xC0 or marker == 0xD8 or start + 4 > len(data):
            return
        (length,) = struct.unpack_from(">H", data, start + 2)
        at = start + 2 + length
        if length < 2 or at > len(data):
            return
        if marker == _SOS:
            at = _next_marker(data, at)
        yield Segment(marker=marker, start=start, body=start + 4, end=at)


def _next_marker(data: bytes, start: int) -> int:
    """Where the next marker is that coded data does not have within it; if none is, the end of the file."""
    view = np.frombuffer(data, np.uint8)
    for block in range(start, len(data) - 1, _BLOCK):
        part = view[block : block + _BLOCK + 1]
        found = np.flatnonzero(part[:-1] == 0xFF)
        found = found[_IS_MARKER[part[found + 1]]]
        if found.size:
            return block + int(found[0])
    return len(data)
