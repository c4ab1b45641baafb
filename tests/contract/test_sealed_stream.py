"""A sealed stream is Tink's, both ways, and whatever is done to one is refused by its name."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest
import tink
from tink import cleartext_keyset_handle, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected
from contract.sealed_stream import (
    HEADER_BYTES,
    SEGMENT_BYTES,
    HeaderDiffers,
    KeyDoesNotOpen,
    Layout,
    SegmentForeign,
    SegmentMisplaced,
    Stream,
    StreamTooLong,
    StreamTruncated,
    make_header,
)
from tests.sealed_models import HEADER, KEY, Sealed, opened, sealed, stream_of

FIRST = SEGMENT_BYTES - 16 - HEADER_BYTES
"""Bytes of plaintext in the first segment of several; each other one has 40 more."""
SIZES = [0, 1, 4096, FIRST - 1, FIRST, FIRST + 1, FIRST + SEGMENT_BYTES - 16, FIRST + SEGMENT_BYTES - 15]
MANIFEST = digest_of(b"a manifest")
INFO = bytes.fromhex(MANIFEST.removeprefix("sha256:"))
MODEL = random.Random(4).randbytes(FIRST + 2 * (SEGMENT_BYTES - 16) + 4096 - 16)
"""Four segments, of which the last one has 4 KiB with its tag."""


def tinks(key: bytes = KEY) -> streaming_aead.StreamingAead:
    """Tink's own reader and writer for that data key."""
    streaming_aead.register()
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    wanted = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKeyFormat.FromString(template.value)
    data = tink_pb2.KeyData(
        type_url=template.type_url,
        value=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
            params=wanted.params, key_value=key
        ).SerializeToString(),
        key_material_type=tink_pb2.KeyData.SYMMETRIC,
    )
    raw = tink_pb2.Keyset.Key(
        key_data=data, status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.RAW
    )
    assert wanted.params.hkdf_hash_type == common_pb2.SHA256
    keyset = tink_pb2.Keyset(primary_key_id=1, key=[raw])
    handle = cleartext_keyset_handle.read(tink.BinaryKeysetReader(keyset.SerializeToString()))
    return handle.primitive(streaming_aead.StreamingAead)


class Kept(io.BytesIO):
    """Keeps what was written when it is closed."""

    written = b""

    def close(self) -> None:
        self.written = self.getvalue()
        super().close()


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_what_we_seal(size: int) -> None:
    data = stream_of(MODEL[:size], key=KEY, header=HEADER, associated=MANIFEST)
    assert len(data) == Layout(size).sealed_size
    with tinks().new_decrypting_stream(io.BytesIO(data), INFO) as plain:
        assert plain.read() == MODEL[:size]


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_tink_seals(size: int) -> None:
    kept = Kept()
    with tinks().new_encrypting_stream(kept, INFO) as sealing:
        sealing.write(MODEL[:size])
    header = kept.written[:HEADER_BYTES]
    stream = Stream(KEY, header=header, associated=MANIFEST, size=size)
    assert opened(stream, kept.written) == MODEL[:size]


@pytest.mark.parametrize("size", [*SIZES, len(MODEL)])
def test_segments_are_next_to_one_another_in_stream_and_plaintext(size: int) -> None:
    layout = Layout(size)
    places = [layout.segment(index) for index in range(layout.segments)]
    assert [place.start for place in places] == [HEADER_BYTES, *(place.end for place in places[:-1])]
    assert [place.plain_start for place in places] == [0, *(place.plain_end for place in places[:-1])]
    assert (places[-1].end, places[-1].plain_end) == (layout.sealed_size, size)
    for beyond in (-1, layout.segments):
        with pytest.raises(IndexError):
            layout.segment(beyond)


@pytest.fixture(scope="module")
def model() -> Sealed:
    return sealed(MODEL)


def segments(data: bytes) -> list[bytes]:
    return [data[:HEADER_BYTES], data[HEADER_BYTES:SEGMENT_BYTES]] + [
        data[start : start + SEGMENT_BYTES] for start in range(SEGMENT_BYTES, len(data), SEGMENT_BYTES)
    ]


def rearranged(*order: int) -> Callable[[bytes], bytes]:
    """The header, and the segments in that order, counted from 0."""
    return lambda data: b"".join(segments(data)[each] for each in (0, *(index + 1 for index in order)))


OTHER = sealed(MODEL, version=4)
ANOTHER_HEADER = sealed(MODEL, header=make_header(bytes(32), bytes(7)))
REFUSED: list[tuple[str, Callable[[bytes], bytes], type[EvidenceRejected]]] = [
    ("its last byte is missing", lambda data: data[:-1], StreamTruncated),
    ("its last segment is missing", rearranged(0, 1, 2), StreamTruncated),
    ("all but its header is missing", rearranged(), StreamTruncated),
    ("nothing is there", lambda data: b"", StreamTruncated),
    ("a byte is added", lambda data: data + b"\0", StreamTooLong),
    ("a segment is there twice", rearranged(0, 1, 1, 2, 3), StreamTooLong),
    ("the last segment is there twice", rearranged(0, 1, 2, 3, 3), StreamTooLong),
    ("two segments have changed places", rearranged(0, 2, 1, 3), SegmentMisplaced),
    ("a segment stands in the place of the next one", rearranged(0, 1, 1, 3), SegmentMisplaced),
    (
        "a segment is another model's with the same key",
        lambda data: b"".join([*segments(data)[:2], segments(OTHER.stream)[2], *segments(data)[3:]]),
        SegmentForeign,
    ),
    (
        "the first segment is another model's with the same key",
        lambda data: b"".join([segments(data)[0], segments(OTHER.stream)[1], *segments(data)[2:]]),
        KeyDoesNotOpen,
    ),
    ("the whole stream is another's", lambda data: ANOTHER_HEADER.stream, HeaderDiffers),
    (
        "the header is another one",
        lambda data: ANOTHER_HEADER.stream[:HEADER_BYTES] + data[HEADER_BYTES:],
        HeaderDiffers,
    ),
]


@pytest.mark.parametrize(("change", "refusal"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_stream_to_which_something_was_done_is_refused(
    model: Sealed, change: Callable[[bytes], bytes], refusal: type[EvidenceRejected]
) -> None:
    with pytest.raises(refusal) as refused:
        opened(model.opener, change(model.stream))
    assert type(refused.value) is refusal
    assert "\n" not in refused.value.message
    assert refused.value.hint


def test_who_knows_the_size_alone_hears_at_which_end_the_stream_is_wrong() -> None:
    Layout(10).check_size(66)
    with pytest.raises(StreamTruncated, match="65 bytes, and its manifest says 66: its end is missing"):
        Layout(10).check_size(65)
    with pytest.raises(StreamTooLong, match="67 bytes, and its manifest says 66: something was added"):
        Layout(10).check_size(67)


def test_a_stream_is_opened_as_it_was_sealed(model: Sealed) -> None:
    assert opened(model.opener, model.stream) == MODEL


def test_another_key_and_another_manifest_open_nothing(model: Sealed) -> None:
    for key, associated in ((bytes(32), model.digest), (KEY, MANIFEST)):
        stream = Stream(key, header=HEADER, associated=associated, size=len(MODEL))
        with pytest.raises(KeyDoesNotOpen):
            opened(stream, model.stream)


def test_each_byte_of_header_and_last_segment_counts(model: Sealed) -> None:
    opener, data = model.opener, bytearray(model.stream)
    for at in range(HEADER_BYTES):
        with pytest.raises(HeaderDiffers):
            opener.check_header(flipped(data, at)[:HEADER_BYTES])
    place = opener.layout.segment(3)
    segment, into = bytearray(data[place.start :]), bytearray(place.plain_end - place.plain_start)
    assert len(segment) == 4096
    for at in range(4096):
        with pytest.raises(SegmentForeign):
            opener.open_segment(3, flipped(segment, at), into)
        assert not any(into), "what did not authenticate is not handed on"


def flipped(data: bytearray, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1 << random.Random(at).randrange(8)
    return bytes(changed)


def test_a_thousand_places_of_a_whole_segment_count(model: Sealed) -> None:
    opener = model.opener
    place = opener.layout.segment(1)
    segment = bytearray(model.stream[place.start : place.end])
    into = bytearray(place.plain_end - place.plain_start)
    for at in random.Random(5).sample(range(SEGMENT_BYTES), 1000):
        segment[at] ^= 1
        with pytest.raises(SegmentForeign):
            opener.open_segment(1, segment, into)
        segment[at] ^= 1
    opener.open_segment(1, segment, into)
    assert into == MODEL[place.plain_start : place.plain_end]


def test_a_segment_that_is_cut_off_is_refused(model: Sealed) -> None:
    place = model.opener.layout.segment(1)
    into = bytearray(place.plain_end - place.plain_start)
    with pytest.raises(StreamTruncated):
        model.opener.open_segment(1, model.stream[place.start : place.end - 1], into)


def test_what_is_wrong_has_its_code(model: Sealed) -> None:
    """What operators' logs and `error.json` have said since the format began."""
    assert {kind.code for _, _, kind in REFUSED} == {
        "sealed-truncated",
        "sealed-too-long",
        "sealed-header-differs",
        "sealed-segment-misplaced",
        "sealed-segment-foreign",
        "sealed-key-does-not-open",
    }
    with pytest.raises(StreamTruncated, match="ends within its header"):
        model.opener.check_header(HEADER[:39])


def test_a_stream_may_have_a_tib() -> None:
    largest = (2**20 - 16) * 2**20 - 40
    assert Layout(largest).segments == 2**20
    stream = Stream(KEY, header=HEADER, associated=MANIFEST, size=largest)
    with pytest.raises(ValueError, match="no key, header or size"):
        Stream(KEY, header=HEADER, associated=MANIFEST, size=largest + 1)
    place = stream.layout.segment(2**20 - 1)
    assert (place.end - place.start, place.plain_end) == (2**20, largest)


def test_where_a_segment_was_is_looked_for_in_the_first_gib_alone() -> None:
    """What is tried for the sake of words has to end."""
    stream = Stream(KEY, header=HEADER, associated=MANIFEST, size=1100 << 20)
    plain, sealed_ = bytes(SEGMENT_BYTES - 16), bytearray(SEGMENT_BYTES)
    for place, refusal in ((1023, SegmentMisplaced), (1024, SegmentForeign)):
        stream.seal_segment(place, plain, sealed_)
        with pytest.raises(refusal):
            stream.open_segment(5, sealed_, bytearray(len(plain)))


def test_a_key_is_not_shown(model: Sealed) -> None:
    for secret in (KEY.hex(), repr(KEY), str(KEY)):
        assert secret not in repr(model.opener)


@pytest.mark.parametrize(
    ("key", "header", "size"),
    [(KEY[:31], HEADER, 1), (KEY, HEADER[:39], 1), (KEY, bytes(40), 1), (KEY, HEADER, 1 << 50)],
)
def test_what_is_none_of_the_format_is_refused_before_anything_is_opened(
    key: bytes, header: bytes, size: int
) -> None:
    with pytest.raises(ValueError, match="no key, header or size"):
        Stream(key, header=header, associated=MANIFEST, size=size)
    with pytest.raises(ValueError, match="salt of 32 bytes"):
        make_header(bytes(31), bytes(8))
