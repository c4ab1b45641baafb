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

_SOF_PROGRESSIVE, _DHT, _SOI, _EOI, _SOS, _DQT, _DRI = 0xC2, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD
_JFIF, _ADOBE = 0xE0, 0xEE
_REMARKS = (*range(0xE0, 0xF0), 0xFE)
_LONGEST_SCAN_HEADER = 2 * 4 + 4
_MOST_SEGMENTS = 10_000
_FIRST_BLOCK, _LARGEST_BLOCK = 1 << 10, 1 << 20

# Within coded data: a stuffed zero, a restart, a filler; and what is reserved, which only damage brings.
_IS_MARKER = np.zeros(256, np.bool_)
_IS_MARKER[[*range(0xC0, 0xD0), *range(0xD8, 0xFF)]] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """`marker` and its bytes in the file, the marker included, and the coded data behind a scan's header."""

    marker: int
    start: int
    body: int
    end: int


def tidied(data: bytes) -> bytes | None:
    """The JPEG without what lies between its segments and behind its end; None if it has no end."""
    segments = list(_segments(data))
    if not segments or segments[-1].marker != _EOI:
        return None
    return data[:2] + b"".join(data[segment.start : segment.end] for segment in segments)


def has_adobe_marker(data: bytes) -> bool:
    """One of Adobe's programs wrote it, or claims to have."""
    return any(
        segment.marker == _ADOBE
        and segment.end - segment.body >= 12
        and data.startswith(b"Adobe", segment.body)
        for segment in _segments(data)
    )


def scans_of_an_eighth(data: bytes) -> bytes | None:
    """The progressive JPEG without what only details need: at one eighth of its size it is the same.

    None, if it is not progressive, or anything in it is unusual.
    """
    segments = list(_segments(data))
    frames = [segment for segment in segments if segment.marker == _SOF_PROGRESSIVE]
    if len(frames) != 1 or segments[-1].marker != _EOI:
        return None
    frame = _parse_frame(data[frames[0].body : frames[0].end])
    if frame is None:
        return None
    kept = [data[:2]]
    end = 2
    for segment in segments:
        if segment.start != end:
            return None
        end = segment.end
        if segment.marker == _DQT:
            tables = _without_steps(data[segment.start : segment.end], frame.flat_tables)
            if tables is None:
                return None
            kept.append(tables)
        elif segment.marker in (_SOF_PROGRESSIVE, _DHT, _DRI, _EOI, _JFIF, _ADOBE) or (
            segment.marker == _SOS and frame.needs(data[segment.body : segment.body + _LONGEST_SCAN_HEADER])
        ):
            kept.append(data[segment.start : segment.end])
        elif segment.marker != _SOS and segment.marker not in _REMARKS:
            return None
    return b"".join(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Of a progressive picture at one eighth: the components of which more than means is shown.

    libjpeg shows a component that has half the resolution or less at two eighths, with its details.
    """

    detailed: frozenset[int]
    flat_tables: frozenset[int]

    def needs(self, scan: bytes) -> bool:
        """The scan with this header is shown."""
        count = scan[0] if scan else 0
        if len(scan) < 2 * count + 4:
            return True
        return scan[1 + 2 * count] == 0 or not self.detailed.isdisjoint(scan[1 : 1 + 2 * count : 2])


def _parse_frame(body: bytes) -> _Frame | None:
    count = body[5] if len(body) > 5 else 0
    if count == 0 or len(body) != 6 + 3 * count:
        return None
    components = [tuple(body[6 + 3 * number : 9 + 3 * number]) for number in range(count)]
    across = max(factors >> 4 for _, factors, _ in components)
    down = max(factors & 15 for _, factors, _ in components)
    detailed, tables, flat_tables = set(), set(), set()
    for identity, factors, table in components:
        if factors >> 4 == 0 or factors & 15 == 0:
            return None
        if across % (2 * (factors >> 4)) == 0 and down % (2 * (factors & 15)) == 0:
            detailed.add(identity)
            tables.add(table)
        else:
            flat_tables.add(table)
    flat_tables -= tables
    if not flat_tables:
        return None
    return _Frame(detailed=frozenset(detailed), flat_tables=frozenset(flat_tables))


def _without_steps(segment: bytes, which: frozenset[int]) -> bytes | None:
    """The quantization tables, of which those have no step but for the mean.

    Where libjpeg has a step for a coefficient that no scan has brought yet, it invents a smooth picture
    between the means; as soon as one table has none, it shows the means themselves.
    """
    flat = bytearray(segment)
    at = 4
    while at < len(flat):
        size = 2 if flat[at] >> 4 else 1
        if at + 1 + 64 * size > len(flat):
            return None
        if flat[at] & 15 in which:
            flat[at + 1 + size : at + 1 + 64 * size] = bytes(63 * size)
        at += 1 + 64 * size
    return bytes(flat)


def _segments(data: bytes) -> Iterator[Segment]:
    """Every segment from the first one behind the start of the picture, to its end or to what is odd.

    As libjpeg does, bytes between segments are passed over.
    """
    at = 2
    for _ in range(_MOST_SEGMENTS):
        start = _next_marker(data, at)
        if start + 2 > len(data):
            return
        marker = data[start + 1]
        if marker == _EOI:
            yield Segment(marker=marker, start=start, body=start + 2, end=start + 2)
            return
        if marker == _SOI or start + 4 > len(data):
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
    size = _FIRST_BLOCK
    while start < len(data) - 1:
        part = view[start : start + size + 1]
        found = np.flatnonzero(part[:-1] == 0xFF)
        found = found[_IS_MARKER[part[found + 1]]]
        if found.size:
            return start + int(found[0])
        start += size
        size = min(2 * size, _LARGEST_BLOCK)
    return len(data)
