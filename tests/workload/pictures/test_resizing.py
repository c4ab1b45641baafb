"""Resizing: TensorFlow's own numbers, for any sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.terms import InputTerms, parse_terms
from tests.workload.pictures import oracle
from tests.workload.samples import terms_text
from workload.pictures.decoding import Picture
from workload.pictures.resizing import resize

TERMS = replace(parse_terms(terms_text()).input, scale=1.0)
AREA_TOLERANCE = 1e-3
METHODS = [
    ("nearest", False),
    ("nearest", True),
    ("bilinear", False),
    ("bilinear", True),
    ("bicubic", False),
    ("bicubic", True),
    ("area", False),
    ("area", True),
]

sizes = st.one_of(st.integers(1, 4), st.integers(1, 60), st.integers(1, 700))
wanted = st.one_of(st.integers(1, 4), st.integers(1, 90))


def noise(height: int, width: int, *, seed: int = 0) -> Picture:
    """Four bytes a pixel, the last of them noise too: nothing may depend on it."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    return pixels.view(np.uint32)[..., 0]


def check(picture: Picture, orientation: int, terms: InputTerms) -> None:
    colours = np.ascontiguousarray(picture[..., None].view(np.uint8)[..., :3])
    expected = oracle.resized(colours, orientation, terms)
    pixels = resize(picture, orientation, terms)
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous
    if terms.method == "area":
        np.testing.assert_allclose(pixels, expected, rtol=0, atol=AREA_TOLERANCE * terms.scale)
    else:
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("mean", [(0.0, 0.0, 0.0), (1.0, 2.0, 3.0)])
def test_blue_comes_first_where_the_model_takes_it_so(mean: tuple[float, float, float]) -> None:
    terms = replace(TERMS, mean=mean, scale=0.5)
    turned = resize(noise(9, 7), 1, replace(terms, channels="bgr"))
    np.testing.assert_array_equal(turned, resize(noise(9, 7), 1, terms)[..., ::-1])
    assert turned.flags.c_contiguous


@pytest.mark.parametrize(("method", "antialias"), METHODS)
@settings(deadline=None, max_examples=60)
@given(
    height=sizes,
    width=sizes,
    wanted_height=wanted,
    wanted_width=wanted,
    orientation=st.integers(1, 8),
    fit=st.sampled_from(["stretch", "crop"]),
    mean=st.sampled_from([(0.0, 0.0, 0.0), (123.675, 0.0, 103.53)]),
    scale=st.sampled_from([1.0, 1 / 255]),
)
def test_any_size_becomes_any_other_as_tensorflow_does_it(
    method: str,
    antialias: bool,
    height: int,
    width: int,
    wanted_height: int,
    wanted_width: int,
    orientation: int,
    fit: str,
    mean: tuple[float, float, float],
    scale: float,
) -> None:
    terms = replace(
        TERMS,
        method=method,
        antialias=antialias,
        height=wanted_height,
        width=wanted_width,
        fit=fit,
        mean=mean,
        scale=scale,
    )
    check(noise(height, width), orientation, terms)


@pytest.mark.parametrize(("method", "antialias"), METHODS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_picture_is_resized_in_parts(method: str, antialias: bool, orientation: int) -> None:
    terms = replace(TERMS, method=method, antialias=antialias, height=224, width=224, fit="crop")
    check(noise(1500, 1200), orientation, terms)


@pytest.mark.parametrize(("method", "antialias"), METHODS)
def test_a_picture_of_the_wanted_size_stays_as_it_is(method: str, antialias: bool) -> None:
    picture = noise(8, 8)
    expected = picture[..., None].view(np.uint8)[..., :3].astype(np.float32)
    resized = resize(picture, 1, replace(TERMS, method=method, antialias=antialias))
    np.testing.assert_allclose(resized, expected, rtol=0, atol=1e-5)


def test_a_result_is_not_written_over_by_the_next_picture() -> None:
    terms = replace(TERMS, height=50, width=50)
    first = resize(noise(70, 60), 1, terms)
    before = first.copy()
    resize(noise(70, 60, seed=1), 1, terms)
    np.testing.assert_array_equal(first, before)
