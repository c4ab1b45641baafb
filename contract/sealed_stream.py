"""The bytes of a sealed model: Tink's AES256_GCM_HKDF_1MB, one segment at a time, from buffer to buffer.

    header   40 (one byte) | salt (32) | nonce prefix (7)
    segments of 1 MiB, the first one shorter by the header and the last one as long as it is,
             each AES-256-GCM ciphertext with its tag (16) at the end

The key of the segments is HKDF-SHA256 of the data key, with the salt, and with the stream's associated data
as `info`; the nonce of segment i is prefix | i (32 bits, big endian) | 1 if it is the last one, else 0. A
segment opens in its place alone, so they may be opened in any order. Any Tink client opens the whole.

The associated data are the 32 bytes of the SHA-256 of the model's manifest (`contract.sealed_model`), which
says the header and the size. GCM does not commit to its key: who opens a stream holds its plaintext against
the manifest's SHA-256 as well, and parses nothing before.

Source: Tink, "AES-GCM-HKDF Streaming AEAD"; RFC 5869; NIST SP 800-38D.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from attestation.digests import Digest
from attestation.errors import EvidenceRejected

KIND = "AES256_GCM_HKDF_1MB"
KEY_BYTES = 32
SALT_BYTES = 32
PREFIX_BYTES = 7
HEADER_BYTES = 1 + SALT_BYTES + PREFIX_BYTES
SEGMENT_BYTES = 1 << 20
"""Of a whole segment, its tag included."""
TAG_BYTES = 16
MOST_SEGMENTS = 1 << 20
"""A stream of a TiB. The format's own limit is 2^32."""
_MOST_PLACES = 1024
"""So many other places, those of a GiB, are tried for a segment that does not open, to say what it is."""

Bytes: TypeAlias = bytes | bytearray | memoryview


class StreamTruncated(EvidenceRejected):
    """Bytes are missing at the end of the sealed model, or of one of its segments."""

    code = "sealed-truncated"


class StreamTooLong(EvidenceRejected):
    """The sealed model has more bytes than its manifest says: a segment is there twice, or was added."""

    code = "sealed-too-long"


class HeaderDiffers(EvidenceRejected):
    """The sealed model begins with another header than its manifest says: it is another stream."""

    code = "sealed-header-differs"


class SegmentMisplaced(EvidenceRejected):
    """A segment of this very stream stands in the place of another one."""

    code = "sealed-segment-misplaced"


class SegmentForeign(EvidenceRejected):
    """A segment was altered, or is none of this stream."""

    code = "sealed-segment-foreign"


class KeyDoesNotOpen(EvidenceRejected):
    """The first segment does not open: the key is another stream's, or the segment was altered."""

    code = "sealed-key-does-not-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Where a segment is: in the stream, its tag included, and in the plaintext. Ends are exclusive."""

    index: int
    start: int
    end: int
    plain_start: int
    plain_end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the segments are in the stream of a plaintext of `size` bytes.

    >>> Layout(10).sealed_size, Layout(10).segments
    (66, 1)
    >>> Layout(2 << 20).segment(2)
    Segment(index=2, start=2097152, end=2097240, plain_start=2097080, plain_end=2097152)
    """

    size: int

    @property
    def segments(self) -> int:
        """How many there are; one that is empty where the plaintext is."""
        return max(1, -(-(self.size + HEADER_BYTES) // (SEGMENT_BYTES - TAG_BYTES)))

    @property
    def sealed_size(self) -> int:
        """How long the stream is, its header included."""
        return HEADER_BYTES + self.size + TAG_BYTES * self.segments

    def segment(self, index: int) -> Segment:
        """The segment with that index, from 0.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= index < self.segments:
            raise IndexError(index)
        start = max(HEADER_BYTES, index * SEGMENT_BYTES)
        plain_start = max(0, index * (SEGMENT_BYTES - TAG_BYTES) - HEADER_BYTES)
        end = min((index + 1) * SEGMENT_BYTES, self.sealed_size)
        return Segment(
            index=index,
            start=start,
            end=end,
            plain_start=plain_start,
            plain_end=plain_start + end - start - TAG_BYTES,
        )

    def check_size(self, found: int) -> None:
        """An object of `found` bytes is as long as the stream.

        Raises:
            StreamTruncated: it is shorter.
            StreamTooLong: it is longer.
        """
        expected = self.sealed_size
        if found < expected:
            raise StreamTruncated(
                f"the sealed model has {found} bytes, and its manifest says {expected}: its end is missing",
                hint=_HINT,
            )
        if found > expected:
            raise StreamTooLong(
                f"the sealed model has {found} bytes, and its manifest says {expected}: something was added",
                hint=_HINT,
            )


class Stream:
    """One sealed stream with its key: seals and opens its segments. Safe to use from several threads."""

    __slots__ = ("_cipher", "_header", "layout")

    def __init__(self, key: bytes, *, header: bytes, associated: Digest, size: int) -> None:
        """`key`: 32 bytes. `associated`: the digest of the manifest. `size`: of the plaintext.

        Raises:
            ValueError: key or header are none of this format, or the size is beyond it.
        """
        layout = Layout(size)
        if len(key) != KEY_BYTES or not is_header(header) or layout.segments > MOST_SEGMENTS:
            raise ValueError("it is no key, header or size of this format")
        salt = header[1 : 1 + SALT_BYTES]
        info = bytes.fromhex(associated.removeprefix("sha256:"))
        self.layout = layout
        self._header = header
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(key))

    def check_header(self, found: Bytes) -> None:
        """The stream's first bytes are `found`.

        Raises:
            StreamTruncated: they are fewer than a header has.
            HeaderDiffers: they are another header.
        """
        if len(found) < HEADER_BYTES:
            raise StreamTruncated("the sealed model ends within its header", hint=_HINT)
        if bytes(found) != self._header:
            raise HeaderDiffers("the sealed model has another header than its manifest says", hint=_HINT)

    def seal_segment(self, index: int, plain: Bytes, into: bytearray | memoryview) -> None:
        """`into` has the segment; it is as long as `Layout.segment` says, and so is `plain`."""
        self._cipher.encrypt_into(self._nonce(index), plain, None, into)

    def open_segment(self, index: int, sealed: Bytes, into: bytearray | memoryview) -> None:
        """`into`, as long as the segment's plaintext, has it. Where it is refused, `into` says nothing.

        Raises:
            StreamTruncated: `sealed` is shorter than the segment.
            KeyDoesNotOpen, SegmentMisplaced, SegmentForeign: it does not open in this place.
        """
        place = self.layout.segment(index)
        if len(sealed) < place.end - place.start:
            raise StreamTruncated(f"segment {index} of the sealed model is not whole", hint=_HINT)
        try:
            self._cipher.decrypt_into(self._nonce(index), sealed, None, into)
        except InvalidTag:
            # INVARIANT: what did not authenticate is not handed on, whoever forgets to look at the error.
            into[:] = bytes(len(into))
            raise self._refusal(index, sealed) from None

    def _nonce(self, index: int) -> bytes:
        is_last = index == self.layout.segments - 1
        return self._header[1 + SALT_BYTES :] + index.to_bytes(4, "big") + bytes([is_last])

    def _refusal(self, index: int, sealed: Bytes) -> EvidenceRejected:
        """Why it does not open: whether it would anywhere else is found by trying."""
        for other in range(min(self.layout.segments, _MOST_PLACES)):
            if other != index and self._opens(other, sealed):
                return SegmentMisplaced(
                    f"segment {other} of the sealed model stands in the place of segment {index}", hint=_HINT
                )
        if index == 0:
            return KeyDoesNotOpen(
                "the sealed model does not open: its key is another one, or its first segment was altered",
                hint=_HINT,
            )
        return SegmentForeign(
            f"segment {index} of the sealed model was altered, or is another model's", hint=_HINT
        )

    def _opens(self, index: int, sealed: Bytes) -> bool:
        place = self.layout.segment(index)
        if len(sealed) != place.end - place.start:
            return False
        try:
            self._cipher.decrypt(self._nonce(index), sealed, None)
        except InvalidTag:
            return False
        return True


def make_header(salt: bytes, prefix: bytes) -> bytes:
    """The header with that salt and that nonce prefix, which are random and used once.

    Raises:
        ValueError: they are not 32 and 7 bytes.
    """
    header = bytes([HEADER_BYTES]) + salt + prefix
    if len(salt) != SALT_BYTES or not is_header(header):
        raise ValueError("a header has a salt of 32 bytes and a nonce prefix of 7")
    return header


def is_header(data: bytes) -> bool:
    """Whether `data` is a header of this format.

    >>> is_header(bytes([40]) + bytes(39)), is_header(bytes(40))
    (True, False)
    """
    return len(data) == HEADER_BYTES and data[0] == HEADER_BYTES


_HINT = "the owner seals the model again, `symbolon owner protect`; who wrote to the bucket is in its log"
