"""The segments of a JPEG file, as far as its markers tell: nothing in it is decoded here.

The bytes are a stranger's. Every step is within them and forward, and what is not as the standard
has it ends the walk.

Source: ITU-T T.81, annex B; libjpeg-turbo/libjpeg-turbo, jdmarker.c and jdcoefct.c.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

_SOF_PROGRESSIVE, _DHT, _SOI, _EOI, _SOS, _DQT, _DRI = 0xC2, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD
_JFIF, _APP1, _ADOBE = 0xE0, 0xE1, 0xEE
_REMARKS = (*range(0xE0, 0xF0), 0xFE)
_LONGEST_SCAN_HEADER = 2 * 4 + 4
_FRAMES = tuple(marker for marker in range(0xC0, 0xD0) if marker not in (0xC4, 0xC8, 0xCC))
_PROGRESSIVE_FRAMES = (0xC2, 0xC6, 0xCA, 0xCE)
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
MOST_SEGMENTS = 10_000
MOST_BYTES_BEFORE_SCAN = 16 << 20
"""More than any profile, preview or depth map takes in front of a photo."""
_FIRST_BLOCK, _LARGEST_BLOCK = 1 << 10, 1 << 20

# Within coded data: a stuffed zero, a restart, a filler; and what is reserved, which only damage brings.
_IS_MARKER = np.zeros(256, np.bool_)
_IS_MARKER[[*range(0xC0, 0xD0), *range(0xD8, 0xFF)]] = True
_RESERVED = re.compile(rb"\xff+[\x02-\xbf]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """`marker` and its bytes in the file, the marker included, and the coded data behind a scan's header."""

    marker: int
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands before the first scan: the size, and the whole segments that may say how it was held."""

    width: int
    height: int
    is_single_scan: bool
    turns: bytes


class TooLong(Exception):
    """So much stands before the first scan that reading it would take long."""


def parse_head(data: bytes) -> Head | None:
    """None, if there is no scan, or no frame before it.

    Of several segments with Exif, or with XMP, the first one counts.

    Raises:
        TooLong: the first scan is behind more than `MOST_SEGMENTS` or `MOST_BYTES_BEFORE_SCAN`.
    """
    at, frame = 2, None
    turns: dict[bytes, bytes] = {}
    for _ in range(MOST_SEGMENTS):
        segment = _segment_from(data, at)
        if segment is None or segment.marker == _EOI:
            return None
        at = segment.end
        if at > MOST_BYTES_BEFORE_SCAN:
            break
        if segment.marker == _APP1:
            for kind in (_EXIF, _XMP):
                if data.startswith(kind, segment.body):
                    turns.setdefault(kind, data[segment.start : at])
        elif segment.marker in _FRAMES:
            frame = frame or segment
        elif segment.marker == _SOS:
            if frame is None or frame.end - frame.body < 6:
                return None
            _, height, width, components = struct.unpack_from(">BHHB", data, frame.body)
            return Head(
                width=width,
                height=height,
                is_single_scan=frame.marker not in _PROGRESSIVE_FRAMES
                and data[segment.body : segment.body + 1] == bytes([components]),
                turns=b"".join(turns.values()),
            )
    raise TooLong


def has_more_scans(data: bytes, most: int) -> bool:
    """A decoder may come by more scans than that, or by more segments than are looked at."""
    scans = segments = 0
    for segment in _segments(data):
        segments += 1
        scans += segment.marker == _SOS
        if scans > most:
            return True
    return segments == MOST_SEGMENTS


def tidied(data: bytes, *, remarks: bool = True) -> bytes | None:
    """The JPEG without what lies between its segments and behind its end; None if libjpeg refuses that.

    Without remarks, nothing is left that its pixels do not depend on.
    """
    kept, end, marker, components = [data[:2]], 2, _SOI, 0
    unwanted = () if remarks else tuple(marker for marker in _REMARKS if marker not in (_JFIF, _ADOBE))
    segments = list(_segments(data))
    for segment in segments:
        if segment.marker in _FRAMES and segment.end - segment.body > 5:
            components = data[segment.body + 5]
    for segment in segments:
        if _RESERVED.search(data, end, segment.start):
            return None
        end, marker = segment.end, segment.marker
        if marker not in unwanted:
            kept.append(_without_surprise(data[segment.start : end], components))
    has_restarts = any(segment.marker == _DRI for segment in segments)  # each of which would wait for more
    if marker == _EOI or (marker == _SOS and not has_restarts and _is_cut_in_a_table(data, end)):
        return b"".join([*kept, b"" if marker == _EOI else bytes([0xFF, _EOI])])
    return None


def _without_surprise(segment: bytes, components: int) -> bytes:
    """What libjpeg warns of and takes for the usual is the usual: a version of JFIF, a code of Adobe's."""
    body, changed = segment[4:], bytearray(segment)
    if segment[1] == _JFIF and len(body) >= 14 and body.startswith(b"JFIF\0"):
        changed[4 + 5] = 1
    if segment[1] == _ADOBE and len(body) >= 12 and body.startswith(b"Adobe") and body[11]:
        changed[4 + 11] = 2 if components == 4 else 1
    return bytes(changed)


def _is_cut_in_a_table(data: bytes, end: int) -> bool:
    """A table without its end is all that is behind the one scan: TensorFlow has every row by then."""
    head = parse_head(data)
    return head is not None and head.is_single_scan and data[end + 1 : end + 2] in (b"\xc4", b"\xdb")


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
    for _ in range(MOST_SEGMENTS):
        segment = _segment_from(data, at)
        if segment is None:
            return
        if segment.marker == _SOS:
            segment = replace(segment, end=_next_marker(data, segment.end))
        yield segment
        if segment.marker == _EOI:
            return
        at = segment.end


def _segment_from(data: bytes, at: int) -> Segment | None:
    """The first segment from there on, of a scan its header alone; None if there is none, or a new start."""
    start = _next_marker(data, at)
    if start + 2 > len(data):
        return None
    marker = data[start + 1]
    if marker == _EOI:
        return Segment(marker=marker, start=start, body=start + 2, end=start + 2)
    if marker == _SOI or start + 4 > len(data):
        return None
    # libjpeg reads a length that does not count itself, and goes on behind it.
    end = start + 2 + max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
    if end > len(data):
        return None
    return Segment(marker=marker, start=start, body=start + 4, end=end)


def _next_marker(data: bytes, start: int) -> int:
    """Where the next marker is that coded data does not have within it; if none is, the end of the file."""
    if data.startswith(b"\xff", start) and start + 1 < len(data) and _IS_MARKER[data[start + 1]]:
        return start
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
