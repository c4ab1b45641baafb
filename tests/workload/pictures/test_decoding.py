"""Every kind of picture has the pixels that TensorFlow gives it, and what TensorFlow refuses is refused."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image
from skimage import data as photos

from tests.workload.pictures import oracle
from workload.pictures.decoding import BYTES_PER_PIXEL, Least, decode
from workload.pictures.headers import MOST_PIXELS, Unreadable

PHOTO = Image.fromarray(photos.astronaut())  # type: ignore[no-untyped-call]  # scikit-image has no types
SIZES = [(37, 53), (64, 48), (1, 1), (3, 200), (501, 377)]
Encoder = Callable[[Image.Image], bytes]


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, format, **options)
    return encoded.getvalue()


def as_(format: str, mode: str = "RGB", **options: Any) -> Encoder:
    return lambda image: encode(image.convert(mode), format, **options)


def subsampled(subsampling: str) -> Encoder:
    return lambda image: simplejpeg.encode_jpeg(
        np.ascontiguousarray(np.asarray(image)), colorsubsampling=subsampling
    )


def rotated(format: str, mode: str = "RGB", **options: Any) -> Encoder:
    """With a second picture behind it."""
    return lambda image: encode(
        image.convert(mode), format, save_all=True, append_images=[image.rotate(90).convert(mode)], **options
    )


def sixteen_bits(mode: str) -> Encoder:
    """A PNG written here, because Pillow writes none: colour type, and samples of two bytes."""
    channels, colour_type = {"L": (1, 0), "RGB": (3, 2), "LA": (2, 4), "RGBA": (4, 6)}[mode]

    def png(image: Image.Image) -> bytes:
        shape = (image.height, image.width * channels)
        samples = np.random.default_rng(0).integers(0, 1 << 16, shape).astype(">u2")
        rows = b"".join(b"\0" + row.tobytes() for row in samples)
        header = struct.pack(">IIBBBBB", image.width, image.height, 16, colour_type, 0, 0, 0)
        return png_of([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])

    return png


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def interlaced(image: Image.Image) -> bytes:
    """Adam7: seven passes, each a picture of its own."""
    pixels = np.asarray(image)
    rows = b""
    for top, left, down, across in [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]:
        part = pixels[top::down, left::across]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    return png_of([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


def top_down(image: Image.Image) -> bytes:
    bmp = bytearray(encode(image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), "BMP"))
    struct.pack_into("<i", bmp, 22, -image.height)
    return bytes(bmp)


def with_few_colours(bits: int) -> Encoder:
    return lambda image: encode(image.quantize(2**bits), "PNG", bits=bits)


def transparent_gif(image: Image.Image) -> bytes:
    indices = image.convert("P")
    most_used = int(np.bincount(np.asarray(indices).ravel()).argmax())
    return encode(indices, "GIF", transparency=most_used)


KINDS: dict[str, Encoder] = {
    **{
        f"jpeg {name}{kind}": as_("JPEG", subsampling=subsampling, progressive=progressive, quality=83)
        for subsampling, name in ((0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0"))
        for progressive, kind in ((False, ""), (True, " progressive"))
    },
    "jpeg 4:4:0": subsampled("440"),
    "jpeg 4:1:1": subsampled("411"),
    "jpeg grey": as_("JPEG", "L"),
    "jpeg grey progressive": as_("JPEG", "L", progressive=True),
    "jpeg cmyk": as_("JPEG", "CMYK"),
    "jpeg cmyk progressive": as_("JPEG", "CMYK", progressive=True),
    "jpeg cmyk not adobe's": lambda image: without_adobe_marker(encode(image.convert("CMYK"), "JPEG")),
    "jpeg ycck": lambda image: as_ycck(encode(image.convert("CMYK"), "JPEG")),
    "jpeg rgb": as_("JPEG", keep_rgb=True),
    "jpeg restarts": as_("JPEG", restart_marker_blocks=3),
    "jpeg exif": as_("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    "mpo": rotated("MPO"),
    "png": as_("PNG"),
    "png grey": as_("PNG", "L"),
    "png grey alpha": as_("PNG", "LA"),
    "png alpha": as_("PNG", "RGBA"),
    "png palette": as_("PNG", "P"),
    "png 1 bit": as_("PNG", "1"),
    **{f"png {bits} bit palette": with_few_colours(bits) for bits in (1, 2, 4)},
    "png palette with a clear colour": as_("PNG", "P", transparency=3),
    "png grey with a clear one": as_("PNG", "L", transparency=30),
    "png with a clear colour": as_("PNG", transparency=(1, 2, 3)),
    **{f"png 16 bit {mode}": sixteen_bits(mode) for mode in ("L", "RGB", "LA", "RGBA")},
    "png interlaced": interlaced,
    "png animated": rotated("PNG"),
    "bmp": as_("BMP"),
    "bmp grey": as_("BMP", "L"),
    "bmp palette": as_("BMP", "P"),
    "bmp alpha": as_("BMP", "RGBA"),
    "bmp top down": top_down,
    "gif": as_("GIF"),
    "gif grey": as_("GIF", "L"),
    "gif interlaced": as_("GIF", "P", interlace=1),
    "gif with a clear colour": transparent_gif,
    "gif animated": rotated("GIF", "P"),
    "webp": as_("WEBP"),
    "webp lossless": as_("WEBP", lossless=True),
}


def without_adobe_marker(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", jpeg, at + 2)
    return jpeg[:at] + jpeg[at + 2 + length :]


def as_ycck(jpeg: bytes) -> bytes:
    """The same numbers, said to be another colour space."""
    at = jpeg.index(b"Adobe") + 11
    return jpeg[:at] + b"\2" + jpeg[at + 1 :]


def colours(data: bytes) -> np.ndarray[Any, Any]:
    return decode(data)[..., None].view(np.uint8)[..., :3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_a_picture_has_the_pixels_that_tensorflow_gives_it(kind: str, size: tuple[int, int]) -> None:
    data = KINDS[kind](PHOTO.resize(size))
    expected = oracle.decoded(data)
    assert expected is not None
    np.testing.assert_array_equal(colours(data), expected)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encode(PHOTO.convert("1"), "BMP"), PHOTO.convert("1")),
        (encode(PHOTO.convert("RGBA"), "WEBP", lossless=True), PHOTO),
        (
            encode(PHOTO, "WEBP", lossless=True, save_all=True, append_images=[PHOTO.rotate(90)]),
            PHOTO,
        ),
    ],
    ids=["bmp 1 bit", "webp alpha", "webp animated"],
)
def test_a_kind_that_tensorflow_lacks_is_read(data: bytes, expected: Image.Image) -> None:
    np.testing.assert_array_equal(colours(data), np.asarray(expected.convert("RGB")))


def test_a_gifs_first_frame_has_its_place_on_black() -> None:
    frame = PHOTO.resize((20, 10)).convert("P")
    gif = bytearray(encode(frame, "GIF"))
    struct.pack_into("<HH", gif, 6, 60, 40)
    struct.pack_into("<HH", gif, gif.index(b"\x2c\0\0\0\0\x14\0\x0a\0") + 1, 7, 9)
    expected = np.zeros((40, 60, 3), np.uint8)
    expected[9:19, 7:27] = np.asarray(frame.convert("RGB"))
    np.testing.assert_array_equal(colours(bytes(gif)), expected)


def damaged(data: bytes, number: int) -> bytes:
    """Another damage for each number: cut off, bytes changed, or bytes put in."""
    chance = np.random.default_rng(number)
    kind, at = chance.integers(3), int(chance.integers(len(data) // 10, len(data)))
    if kind == 0:
        return data[:at]
    noise = chance.integers(0, 256, int(chance.integers(1, 5)), np.uint8).tobytes()
    return data[:at] + noise + data[at + (len(noise) if kind == 1 else 0) :]


@pytest.mark.parametrize(
    "kind",
    [
        "jpeg 4:2:0",
        "jpeg 4:2:0 progressive",
        "jpeg restarts",
        "jpeg grey",
        "jpeg cmyk",
        "png",
        "png palette",
        "bmp",
        "bmp palette",
    ],
)
def test_damage_is_refused_where_tensorflow_refuses_it_and_nowhere_else(kind: str) -> None:
    whole = KINDS[kind](PHOTO.resize((96, 80)))
    refused = read = 0
    for number in range(150):
        data = damaged(whole, number)
        expected = oracle.decoded(data)
        if expected is None:
            refused += 1
            with pytest.raises(Unreadable) as error:
                decode(data)
            assert error.value.code == "undecodable"
        else:
            read += 1
            np.testing.assert_array_equal(colours(data), expected)
    assert refused > 20
    assert read > 20 or not kind.startswith("jpeg")


@pytest.mark.parametrize("kind", ["gif", "webp", "webp lossless"])
def test_a_picture_that_is_cut_off_is_refused(kind: str) -> None:
    whole = KINDS[kind](PHOTO.resize((96, 80)))
    for part in range(20, len(whole) - 20, len(whole) // 50):
        with pytest.raises(Unreadable):
            decode(whole[:part])


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF", b""])
def test_noise_is_refused(start: bytes) -> None:
    for number in range(200):
        chance = np.random.default_rng(number)
        noise = start + chance.integers(0, 256, int(chance.integers(0, 200)), np.uint8).tobytes()
        with pytest.raises(Unreadable):
            decode(noise)


def test_a_header_that_promises_too_much_is_refused() -> None:
    jpeg = bytearray(encode(PHOTO, "JPEG"))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, 65000, 65000)
    with pytest.raises(Unreadable) as refused:
        decode(bytes(jpeg))
    assert refused.value.code == "too-large"


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize(
    ("least", "size"),
    [
        (Least(1, 1), (47, 64)),
        (Least(47, 64), (47, 64)),
        (Least(48, 1), (94, 128)),
        (Least(94, 128), (94, 128)),
        (Least(1, 129), (188, 256)),
        (Least(189, 1), (375, 511)),
        (Least(999, 1), (375, 511)),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_size_that_is_large_enough(
    least: Least, size: tuple[int, int], mode: str, progressive: bool
) -> None:
    photo = PHOTO.resize((511, 375)).convert(mode)
    assert decode(encode(photo, "JPEG", progressive=progressive), least).shape == size


@pytest.mark.parametrize("subsampling", [1, 2])
def test_an_unusual_sampling_of_colours_is_read_nearly_as_tensorflow_reads_it(subsampling: int) -> None:
    smooth = PHOTO.resize((12, 12)).resize((90, 70)).convert("CMYK")
    data = encode(smooth, "JPEG", subsampling=subsampling, quality=95)
    expected = oracle.decoded(data)
    assert expected is not None
    assert np.abs(colours(data).astype(int) - expected).mean() < 4


MEMORY = """
import pathlib, sys
from workload.pictures.decoding import decode

def status(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))

small, large = (pathlib.Path(name).read_bytes() for name in sys.argv[1:])
decode(small)
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = status("VmRSS")
decode(large)
print(status("VmHWM") - before)
"""


@pytest.mark.parametrize(
    "kind",
    [
        *("jpeg 4:4:4", "jpeg 4:4:4 progressive", "jpeg cmyk progressive", "png", "png palette", "png alpha"),
        *("bmp", "gif", "webp", "webp lossless"),
    ],
)
def test_memory_is_what_the_docstring_says(kind: str, tmp_path: Any) -> None:
    size = (2400, 1800)
    assert size[0] * size[1] < MOST_PIXELS
    (tmp_path / "large").write_bytes(KINDS[kind](PHOTO.resize(size)))
    (tmp_path / "small").write_bytes(KINDS[kind](PHOTO.resize((40, 30))))
    measured = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "small"), str(tmp_path / "large")],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    grown = int(measured.stdout)
    assert 3.9 * size[0] * size[1] < grown < (BYTES_PER_PIXEL + 0.7) * size[0] * size[1]


LITTLE_MEMORY = """
import resource, sys
from workload.pictures.decoding import decode
data = open(sys.argv[1], "rb").read()
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + (int(sys.argv[2]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    decode(data)
except MemoryError:
    print("too little memory")
"""


@pytest.mark.parametrize("mib", [1, 60])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_for_which_there_is_too_little_memory_is_not_said_to_be_damaged(
    tmp_path: Any, kind: str, mib: int
) -> None:
    """For a progressive JPEG it is libjpeg that lacks memory, once the picture itself has its own."""
    options = {"progressive": True} if kind == "JPEG" else {}
    Image.new("RGB", (3000, 3000), (9, 9, 9)).save(tmp_path / "picture", kind, **options)
    run = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, str(tmp_path / "picture"), str(mib)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert run.stdout == "too little memory\n"
