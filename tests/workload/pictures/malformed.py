"""Pictures with one or a few things wrong in them, another for each number: built anew, not noise alone."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np

Chunk = tuple[bytes, bytes, bool]
"""A PNG chunk: its kind, its body, and whether its checksum is right."""
Chance = np.random.Generator

KNOWN = [b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST", b"tRNS", b"pHYs", b"sPLT", b"tIME"]
TEXTS = [b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"oFFs", b"pCAL", b"sCAL", b"acTL", b"fcTL", b"fdAT"]
UNKNOWN = [b"abCd", b"abcd", b"ABCD", b"CgBI", b"IDOT", b"a1Cd", b"JUNK", b"IdAT", b"iDAT", b"IHDr"]


def malformed_png(png: bytes, chance: Chance) -> bytes:
    chunks = chunks_of(png)
    for _ in range(int(chance.integers(1, 3))):
        if chunks:
            chunks = PNG_FAULTS[chance.integers(len(PNG_FAULTS))](chunks, chance)
    built = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body) ^ (not is_right))
        for kind, body, is_right in chunks
    )
    return built + bytes(
        chance.integers(0, 256, int(chance.integers(0, 20)) * int(chance.integers(2)), np.uint8)
    )


def chunks_of(png: bytes) -> list[Chunk]:
    chunks, at = [], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length], True))
        at += 12 + length
    return chunks


def _insert(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    kinds = [*KNOWN, *TEXTS, *UNKNOWN]
    kind = kinds[chance.integers(len(kinds))]
    body = bytes(chance.integers(0, 256, int(chance.integers(0, 40)), np.uint8))
    at = int(chance.integers(1, len(chunks) + 1))
    return [*chunks[:at], (kind, body, bool(chance.integers(3))), *chunks[at:]]


def _repeat(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    at = int(chance.integers(1, len(chunks) + 1))
    return [*chunks[:at], chunks[chance.integers(len(chunks))], *chunks[at:]]


def _remove(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    at = int(chance.integers(len(chunks)))
    return chunks[:at] + chunks[at + 1 :]


def _swap(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    a, b = chance.integers(len(chunks), size=2)
    swapped = list(chunks)
    swapped[a], swapped[b] = swapped[b], swapped[a]
    return swapped


def _wrong_checksum(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    at = int(chance.integers(len(chunks)))
    return [(kind, body, is_right and n != at) for n, (kind, body, is_right) in enumerate(chunks)]


def _other_byte(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    """Of the header, of the palette or of what is compressed; the checksum is right."""
    at = int(chance.integers(len(chunks)))
    kind, body, is_right = chunks[at]
    if body:
        changed = bytearray(body)
        where = int(chance.integers(len(body)))
        changed[where] = int(chance.integers(256 if kind == b"IDAT" else 18))
        body = bytes(changed)
    return [*chunks[:at], (kind, body, is_right), *chunks[at + 1 :]]


def _other_length(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    at = int(chance.integers(len(chunks)))
    kind, body, is_right = chunks[at]
    body = (
        body[: int(chance.integers(len(body) + 1))]
        if chance.integers(2)
        else body + bytes(chance.integers(1, 7))
    )
    return [*chunks[:at], (kind, body, is_right), *chunks[at + 1 :]]


def _other_pixels(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    """Fewer rows than there must be, or more; or a wrong filter; or what is not compressed to its end."""
    places = [n for n, (kind, _, _) in enumerate(chunks) if kind == b"IDAT"]
    if not places:
        return chunks
    try:
        rows = bytearray(zlib.decompress(b"".join(chunks[n][1] for n in places)))
    except zlib.error:
        return chunks
    ending = 0
    match int(chance.integers(6)):
        case 0:
            del rows[int(chance.integers(len(rows) + 1)) :]
        case 1:
            rows += bytes(int(chance.integers(1, 9000)))
        case 2:
            rows[int(chance.integers(len(rows)))] = int(chance.integers(256))
        case 3:
            del rows[len(rows) - int(chance.integers(1, 4)) :]
        case 4:
            ending = int(chance.integers(1, 12))
        case _:
            pass
    packed = bytearray(zlib.compress(bytes(rows), int(chance.integers(10))))
    if ending:
        packed[-ending] ^= 1 << int(chance.integers(8))
    if chance.integers(4) == 0:
        packed = packed[: len(packed) - int(chance.integers(1, 8))]
    cuts = sorted(int(cut) for cut in chance.integers(0, len(packed) + 1, int(chance.integers(4))))
    parts = [bytes(packed[a:b]) for a, b in zip([0, *cuts], [*cuts, len(packed)], strict=True)]
    idat: list[Chunk] = [(b"IDAT", part, True) for part in parts]
    if chance.integers(5) == 0:
        idat.insert(int(chance.integers(len(idat) + 1)), (b"tEXt", b"a\0b", True))
    return [*chunks[: places[0]], *idat, *(chunk for chunk in chunks[places[0] :] if chunk[0] != b"IDAT")]


def _other_palette(chunks: list[Chunk], chance: Chance) -> list[Chunk]:
    at = next((n for n, (kind, _, _) in enumerate(chunks) if kind == b"PLTE"), 1)
    size = int(chance.choice([0, 1, 3, 6, 7, 48, 51, 765, 768, 771, 900]))
    palette = (b"PLTE", bytes(chance.integers(0, 256, size, np.uint8)), True)
    return [*chunks[:at], palette, *chunks[at + (at < len(chunks) and chunks[at][0] == b"PLTE") :]]


PNG_FAULTS: list[Callable[[list[Chunk], Chance], list[Chunk]]] = [
    *(_insert, _repeat, _remove, _swap, _wrong_checksum, _other_byte, _other_length, _other_pixels),
    *(_other_palette, _insert, _other_pixels),
]

Segment = tuple[bytes, bytes]
"""Of a JPEG: what stands before its body (the marker), and the rest up to the next marker."""


def malformed_jpeg(jpeg: bytes, chance: Chance) -> bytes:
    segments = segments_of(jpeg)
    for _ in range(int(chance.integers(1, 3))):
        if len(segments) > 1:
            segments = JPEG_FAULTS[chance.integers(len(JPEG_FAULTS))](segments, chance)
    return b"".join(marker + body for marker, body in segments)


def segments_of(jpeg: bytes) -> list[Segment]:
    """A scan's coded data is a part of its segment."""
    segments, at = [(b"\xff\xd8", b"")], 2
    while at < len(jpeg) and jpeg[at : at + 2] != b"\xff\xd9":
        (length,) = struct.unpack_from(">H", jpeg, at + 2)
        end = at + 2 + length
        if jpeg[at + 1] == 0xDA:
            while jpeg[end] != 0xFF or jpeg[end + 1] == 0 or 0xD0 <= jpeg[end + 1] <= 0xD7:
                end += 1
        segments.append((jpeg[at : at + 2], jpeg[at + 2 : end]))
        at = end
    return [*segments, (b"\xff\xd9", b"")]


def _put(segments: list[Segment], chance: Chance) -> list[Segment]:
    """Something that does not belong there, or does and may be passed over."""
    odd: list[Segment] = [
        (b"\xff" * int(chance.integers(1, 40)), b""),
        (bytes(chance.integers(0, 256, int(chance.integers(1, 20)), np.uint8)), b""),
        (b"\xff\0", b""),
        (b"\xff\x01", b""),
        (b"\xff" + bytes([0xD0 + int(chance.integers(8))]), b""),
        (
            b"\xff" + bytes([0xE0 + int(chance.integers(16))]),
            b"\0" + bytes([int(chance.integers(9))]) + b"abcd",
        ),
        (b"\xff\xee", b"\0\x0eAdobe\0\x64\0\0\0\0" + bytes([int(chance.integers(4))])),
        (b"\xff\xe0", b"\0\x10JFIF\0\x01\x01\0\0\1\0\1\0\0"),
        (b"\xff\xe2", b"\0\x0eMPF\0abcdefgh"),
        (b"\xff\xe1", b"\0\x10Exif\0\0MM\0*\0\0\0"),
        (b"\xff\xfe", b"\0\x02"),
        (b"\xff\xfe", b"\0\0"),
        (b"\xff\xdc", b"\0\4\0\x10"),
        (b"\xff\xdd", b"\0\4\0" + bytes([int(chance.integers(5))])),
        (b"\xff\xcc", b"\0\4\0\x10"),
        (b"\xff" + bytes([int(chance.integers(1, 256))]), b"\0\4ab"),
    ]
    at = int(chance.integers(1, len(segments) + 1))
    return [*segments[:at], odd[chance.integers(len(odd))], *segments[at:]]


def _put_again(segments: list[Segment], chance: Chance) -> list[Segment]:
    at = int(chance.integers(1, len(segments) + 1))
    return [*segments[:at], segments[chance.integers(1, len(segments))], *segments[at:]]


def _leave_out(segments: list[Segment], chance: Chance) -> list[Segment]:
    at = int(chance.integers(1, len(segments)))
    return segments[:at] + segments[at + 1 :]


def _change_places(segments: list[Segment], chance: Chance) -> list[Segment]:
    a, b = chance.integers(1, len(segments), size=2)
    swapped = list(segments)
    swapped[a], swapped[b] = swapped[b], swapped[a]
    return swapped


def _other_marker(segments: list[Segment], chance: Chance) -> list[Segment]:
    """Of the frame above all: another coding."""
    frames = [n for n, (marker, _) in enumerate(segments) if marker in (b"\xff\xc0", b"\xff\xc2")]
    at = (
        int(chance.choice(frames))
        if frames and chance.integers(3)
        else int(chance.integers(1, len(segments)))
    )
    marker = bytes([0xFF, int(chance.choice([*range(0xC0, 0xE0), 0xE1, 0xFE, 0xF0, 1, 2, 0xBF]))])
    return [*segments[:at], (marker, segments[at][1]), *segments[at + 1 :]]


def _other_byte_of_a_header(segments: list[Segment], chance: Chance) -> list[Segment]:
    at = int(chance.integers(1, len(segments)))
    marker, body = segments[at]
    if not body:
        return segments
    changed = bytearray(body)
    where = int(chance.integers(min(len(body), 20)))
    changed[where] = int(
        chance.choice([0, 1, 2, 3, 4, 8, 12, 16, 17, 33, 34, 255, int(chance.integers(256))])
    )
    return [*segments[:at], (marker, bytes(changed)), *segments[at + 1 :]]


def _cut_off(segments: list[Segment], chance: Chance) -> list[Segment]:
    at = int(chance.integers(1, len(segments)))
    marker, body = segments[at]
    rest = segments[at + 1 :] if chance.integers(2) else []
    return [*segments[:at], (marker, body[: int(chance.integers(len(body) + 1))]), *rest]


def _other_coded_data(segments: list[Segment], chance: Chance) -> list[Segment]:
    scans = [n for n, (marker, _) in enumerate(segments) if marker == b"\xff\xda"]
    if not scans:
        return segments
    at = int(chance.choice(scans))
    marker, body = segments[at]
    where = int(chance.integers(len(body) + 1))
    odd = [
        b"\xff",
        b"\xff\0",
        b"\xff\xff",
        b"\xff\x01",
        b"\xff\xd0",
        b"\xff\xd3",
        b"\xff\xc4",
        b"\xff\x20",
        b"\0",
    ]
    put = odd[chance.integers(len(odd))] * int(chance.integers(1, 4))
    left_out = int(chance.integers(0, 40)) * int(chance.integers(2))
    return [*segments[:at], (marker, body[:where] + put + body[where + left_out :]), *segments[at + 1 :]]


JPEG_FAULTS: list[Callable[[list[Segment], Chance], list[Segment]]] = [
    *(_put, _put, _put_again, _leave_out, _change_places, _other_marker, _other_byte_of_a_header),
    *(_other_byte_of_a_header, _cut_off, _other_coded_data),
]


def malformed_header(data: bytes, chance: Chance) -> bytes:
    """Other bytes among the first, where formats without checksums say what they are; or another length."""
    changed = bytearray(data)
    for _ in range(int(chance.integers(0, 3))):
        where = int(chance.integers(2, min(len(data), 80)))
        changed[where] = int(
            chance.choice([0, 1, 2, 4, 8, 16, 24, 32, 127, 128, 255, int(chance.integers(256))])
        )
    match int(chance.integers(4)):
        case 0:
            del changed[int(chance.integers(len(changed))) :]
        case 1:
            changed += bytes(int(chance.integers(1, 9)))
        case 2:
            where = int(chance.integers(len(changed)))
            changed[where:where] = bytes(chance.integers(0, 256, int(chance.integers(1, 4)), np.uint8))
        case _:
            pass
    return bytes(changed)
