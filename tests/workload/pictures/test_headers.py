"""What a header tells: which bytes are a picture, how large it is, and how it was held."""

from __future__ import annotations

import io
import struct
import time

import pytest
from PIL import Image

from contract.terms import parse_terms
from tests.workload.samples import header_of_a_png, picture, terms_text
from workload.pictures.headers import Unreadable, check_header
from workload.pictures.preparing import Pixels, prepare


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not-a-picture"),
        (b"a text file", "not-a-picture"),
        (b"\xff\xd8\xff", "not-a-picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not-a-picture"),
        (header_of_a_png(20_000, 20_000), "too-large"),
        (header_of_a_png(8_001, 8_000), "too-large"),
        (header_of_a_png(65_536, 1), "too-large"),
        (header_of_a_png(1, 65_536), "too-large"),
        (b"\xff\xd8\xff\xe0" + 50 * b"\xff", "not-a-picture"),
        (b"\xff\xd8" + 50 * b"\xff\xe2\x00\x00", "not-a-picture"),
    ],
)
def test_what_is_no_picture_or_too_large_is_known_by_its_header(data: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        check_header(data)
    assert refused.value.code == code
    assert "\n" not in refused.value.message


def test_the_largest_picture_allowed_passes() -> None:
    assert check_header(header_of_a_png(8_000, 8_000)).orientation == 1
    assert check_header(header_of_a_png(65_535, 976)).pixels == 65_535 * 976


def test_a_jpeg_of_too_many_pixels_is_known_by_its_header() -> None:
    data = bytearray(picture(format="JPEG"))
    size = data.index(b"\xff\xc0") + 5
    data[size : size + 4] = struct.pack(">HH", 8_001, 8_000)
    with pytest.raises(Unreadable) as refused:
        check_header(bytes(data))
    assert refused.value.code == "too-large"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_how_many_pixels_a_picture_decodes_to_is_known_beforehand(format: str) -> None:
    assert check_header(picture(size=(12, 10), format=format)).pixels == 120


def test_a_jpeg_that_its_own_library_knows_no_name_for_is_left_to_the_other() -> None:
    data = bytearray(picture(format="JPEG"))
    data[data.index(b"\xff\xc0") + 11] = 0x31  # the first component is sampled three by one
    assert check_header(bytes(data)).pixels == 120


def gif(*colours: str, sizes: tuple[tuple[int, int], ...]) -> bytes:
    """A GIF whose screen has the first size, and whose frames have each their own."""
    data = b""
    for colour, size in zip(colours, sizes, strict=True):
        frame = io.BytesIO()
        Image.new("RGB", size, colour).save(frame, "GIF")
        with Image.open(frame) as image:
            start = image.tile[0].offset - 11  # the frame's descriptor, before the code size of its data
        whole = frame.getvalue()
        data = (data or whole[:start]) + whole[start:-1]
    return data + b";"


def fed(data: bytes) -> Pixels:
    """As the model is fed, 8 by 8 and 0 to 1, once the header has been checked."""
    return prepare(check_header(data), parse_terms(terms_text()).input)


def test_of_a_gif_the_first_frame_alone_is_taken_however_large_the_others_are() -> None:
    data = gif("red", "red", sizes=((8, 6), (3_000, 2_000)))
    assert check_header(data).pixels == 8 * 6
    assert fed(data).reshape(-1, 3).tolist() == [[1, 0, 0]] * 64


def test_a_gif_that_is_cut_off_cannot_be_decoded() -> None:
    noise = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(noise, "GIF")
    with pytest.raises(Unreadable) as refused:
        fed(noise.getvalue()[:-1000])
    assert refused.value.code == "undecodable"


def jpeg_with_orientation(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = io.BytesIO()
    Image.new("RGB", (4, 4)).save(encoded, "JPEG", exif=exif)
    return encoded.getvalue()


@pytest.mark.parametrize(("tag", "taken"), [(1, 1), (6, 6), (8, 8), (0, 1), (9, 1)])
def test_the_orientation_is_exifs_where_it_means_something(tag: int, taken: int) -> None:
    assert check_header(jpeg_with_orientation(tag)).orientation == taken


@pytest.mark.parametrize(
    "before",
    [b"\xff\xe2\x00\x06\xff\xda\xff\xda", b"\xff\xfe\x00\x04\xff\xda", b"\xff\xff\xff"],
    ids=["a profile", "a comment", "fill bytes"],
)
def test_the_orientation_is_found_behind_other_segments(before: bytes) -> None:
    data = jpeg_with_orientation(6)
    at = data.index(b"\xff\xe1")
    assert check_header(data[:at] + before + data[at:]).orientation == 6


def test_the_orientation_is_xmps_where_exif_has_none() -> None:
    encoded = io.BytesIO()
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    Image.new("RGB", (4, 4)).save(encoded, "JPEG", xmp=xmp)
    assert check_header(encoded.getvalue()).orientation == 8


def test_a_photo_with_a_second_one_behind_it_keeps_its_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = io.BytesIO()
    Image.new("RGB", (4, 4)).save(
        encoded, "MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))], exif=exif
    )
    assert check_header(encoded.getvalue()).orientation == 6


def test_damaged_exif_is_no_reason_to_refuse_a_photo() -> None:
    data = (
        jpeg_with_orientation(6)
        .replace(b"Exif\x00\x00II", b"Exif\x00\x00??")
        .replace(b"Exif\x00\x00MM", b"Exif\x00\x00??")
    )
    assert check_header(data).orientation == 1


def in_scans(count: int, size: tuple[int, int]) -> bytes:
    """A progressive JPEG that says it is as large as that, of so many scans, most of a few bytes."""
    data = io.BytesIO()
    Image.new("L", (16, 16)).save(data, "JPEG", progressive=True)
    jpeg = bytearray(data.getvalue())
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc2") + 5, size[1], size[0])
    last = bytes(jpeg[jpeg.rindex(b"\xff\xda") : -2])
    return bytes(jpeg[:-2]) + last * (count - jpeg.count(b"\xff\xda")) + b"\xff\xd9"


@pytest.mark.parametrize(("size", "most"), [((8_000, 8_000), 20), ((4_000, 4_000), 80), ((65_535, 976), 20)])
def test_scans_are_counted_where_each_may_touch_the_whole_picture(size: tuple[int, int], most: int) -> None:
    assert check_header(in_scans(most, size)).pixels == size[0] * size[1]
    with pytest.raises(Unreadable) as refused:
        check_header(in_scans(most + 1, size))
    assert refused.value.code == "too-costly"


def test_a_picture_in_one_scan_has_no_others_that_count() -> None:
    data = bytearray(picture(size=(16, 16), format="JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 8_000, 8_000)
    again = bytes(data[data.index(b"\xff\xda") : -2]) * 30
    assert check_header(bytes(data[:-2]) + again + b"\xff\xd9").pixels == 64_000_000


@pytest.mark.parametrize(
    "put",
    [
        (20 << 20) * b"\xff",
        10_001 * b"\xff\xfe\x00\x02",
        10_001 * b"\xff\xe1\x00\x00",
        300 * (b"\xff\xe2\xff\xff" + bytes(65_533)),
    ],
    ids=["fill bytes", "remarks", "segments without a length", "profiles"],
)
def test_there_is_an_end_to_what_stands_in_front_of_the_first_scan(put: bytes) -> None:
    data = picture(format="JPEG")
    began = time.process_time()
    with pytest.raises(Unreadable) as refused:
        check_header(data[:2] + put + data[2:])
    assert refused.value.code == "too-costly"
    assert time.process_time() - began < 2


def test_a_hidden_scan_counts_though_a_segment_before_it_has_no_length() -> None:
    data = in_scans(21, (8_000, 8_000))
    with pytest.raises(Unreadable):
        check_header(data[:2] + b"\xff\xe1\x00\x00" + data[2:])


def test_segments_between_scans_count_like_scans() -> None:
    data = in_scans(5, (8_000, 8_000))
    at = data.rindex(b"\xff\xda")
    with pytest.raises(Unreadable) as refused:
        check_header(data[:at] + 10_000 * b"\xff\xfe\x00\x02" + data[at:])
    assert refused.value.code == "too-costly"


def test_rows_in_runs_are_not_read() -> None:
    bmp = bytearray(picture(format="BMP"))
    struct.pack_into("<HI", bmp, 28, 4, 2)
    with pytest.raises(Unreadable) as refused:
        check_header(bytes(bmp))
    assert refused.value.code == "not-a-picture"
