"""From bytes to what the model is fed, the whole way: as TensorFlow's operations do it."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data as photos

from contract.terms import InputTerms, parse_terms
from tests.workload.pictures import oracle
from tests.workload.samples import picture, terms_text
from workload.pictures.decoding import Least, decode
from workload.pictures.headers import EncodedPicture, Unreadable, check_header
from workload.pictures.preparing import prepare
from workload.pictures.resizing import resize

TERMS = parse_terms(terms_text()).input
PHOTO = Image.fromarray(photos.astronaut())  # type: ignore[no-untyped-call]  # scikit-image has no types


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, format, **options)
    return encoded.getvalue()


def theirs(data: bytes, orientation: int, terms: InputTerms) -> np.ndarray[Any, Any]:
    pixels = oracle.decoded(data)
    assert pixels is not None
    return oracle.resized(pixels, orientation, terms)


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(500, 375), (375, 500), (97, 31)])
def test_a_photo_is_what_tensorflow_makes_of_it(method: str, size: tuple[int, int]) -> None:
    terms = replace(TERMS, height=48, width=40, method=method, mean=(123.7, 116.8, 0.0), scale=1 / 58.4)
    data = encode(PHOTO.resize(size), "JPEG")
    np.testing.assert_array_equal(prepare(check_header(data), terms), theirs(data, 1, terms))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("exif_orientation", "fit"), list(product(["apply", "ignore"], ["crop", "stretch"])))
def test_a_photo_is_turned_and_cropped_as_the_terms_say(
    orientation: int, exif_orientation: str, fit: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(PHOTO.resize((90, 50)), "JPEG", exif=exif)
    terms = replace(TERMS, height=13, width=11, exif_orientation=exif_orientation, fit=fit)
    expected = theirs(data, orientation if exif_orientation == "apply" else 1, terms)
    np.testing.assert_array_equal(prepare(check_header(data), terms), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_pillow_calls_upright(orientation: int) -> None:
    image = Image.fromarray(np.random.default_rng(orientation).integers(0, 255, (8, 8, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(image, "PNG", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    terms = replace(TERMS, exif_orientation="apply", scale=1.0)
    np.testing.assert_array_equal(
        prepare(EncodedPicture(data=data, orientation=orientation), terms), upright.astype(np.float32)
    )


@pytest.mark.parametrize(("size", "kept"), [((20, 8), (6, 0, 14, 8)), ((8, 21), (0, 6, 8, 14))])
def test_a_crop_keeps_the_middle(size: tuple[int, int], kept: tuple[int, int, int, int]) -> None:
    image = Image.effect_noise(size, 100).convert("RGB")
    terms = replace(TERMS, fit="crop", scale=1.0)
    np.testing.assert_array_equal(
        prepare(check_header(encode(image, "PNG")), terms), np.asarray(image.crop(kept)).astype(np.float32)
    )


def test_mean_and_scale_are_the_terms() -> None:
    terms = replace(TERMS, mean=(127.0, 10.0, -1.0), scale=0.0078125)
    pixels = prepare(check_header(picture((255, 10, 0))), terms)
    np.testing.assert_array_equal(pixels[0, 0], np.array([1.0, 0.0, 0.0078125], np.float32))


def test_a_damaged_picture_is_unreadable() -> None:
    whole = encode(PHOTO.resize((64, 64)), "JPEG")
    with pytest.raises(Unreadable, match="cut off, or damaged") as refused:
        prepare(check_header(whole[: len(whole) // 2]), TERMS)
    assert refused.value.code == "undecodable"


def test_threads_do_not_write_over_each_others_pictures() -> None:
    terms = replace(TERMS, height=40, width=40)
    encoded = [
        check_header(encode(PHOTO.resize((60 + number, 50 + 3 * number)).rotate(number), kind))
        for number, kind in enumerate(["JPEG", "PNG", "BMP", "GIF", "WEBP"] * 4)
    ]
    alone = [prepare(image, terms) for image in encoded]
    with ThreadPoolExecutor(max(4, len(os.sched_getaffinity(0)))) as pool:
        together = list(pool.map(lambda image: prepare(image, terms), encoded * 20))
    for number, pixels in enumerate(together):
        np.testing.assert_array_equal(pixels, alone[number % len(encoded)])


class TestScaled:
    """`decode = "scaled"`: fewer pixels of a JPEG, and never fewer than the result has."""

    TERMS = replace(TERMS, decode="scaled", height=30, width=20)

    @pytest.mark.parametrize("progressive", [False, True])
    @pytest.mark.parametrize("orientation", [1, 6])
    @pytest.mark.parametrize("size", [(512, 400), (300, 200), (90, 61), (25, 25), (19, 40), (1, 1)])
    def test_a_picture_looks_much_the_same(
        self, size: tuple[int, int], orientation: int, progressive: bool
    ) -> None:
        smooth = PHOTO.resize((6, 6)).resize(size, Image.Resampling.BICUBIC)
        data = encode(smooth, "JPEG", quality=95, progressive=progressive)
        terms = replace(self.TERMS, exif_orientation="apply", scale=1.0)
        encoded = EncodedPicture(data=data, orientation=orientation)
        whole = prepare(encoded, replace(terms, decode="exact"))
        assert np.abs(prepare(encoded, terms) - whole).mean() < 4

    def test_a_turned_photo_is_measured_as_it_is_stored(self) -> None:
        data = encode(PHOTO.resize((200, 160)), "JPEG")
        terms = replace(self.TERMS, exif_orientation="apply", height=100, width=20)
        expected = resize(decode(data, Least(20, 100)), 6, terms)
        assert decode(data, Least(20, 100)).shape == (80, 100)
        np.testing.assert_array_equal(prepare(EncodedPicture(data=data, orientation=6), terms), expected)

    def test_where_nothing_can_be_left_out_it_is_exact(self) -> None:
        data = encode(PHOTO.resize((39, 58)), "JPEG")
        exact = prepare(check_header(data), replace(self.TERMS, decode="exact"))
        np.testing.assert_array_equal(prepare(check_header(data), self.TERMS), exact)

    def test_a_large_photo_is_not_exact(self) -> None:
        data = encode(PHOTO, "JPEG")
        exact = prepare(check_header(data), replace(self.TERMS, decode="exact"))
        assert (prepare(check_header(data), self.TERMS) != exact).any()
