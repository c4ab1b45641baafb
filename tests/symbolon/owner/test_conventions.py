"""The conventions that an owner chooses among."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from symbolon.owner.conventions import CONVENTIONS
from workload import scale_guess

Pixels = NDArray[np.float32]


def test_every_way_that_the_workload_guesses_is_one_of_them() -> None:
    assert {(each.mean, each.scale) for each in CONVENTIONS.values()} >= set(scale_guess.CONVENTIONS)


def numbers(*three: float) -> Pixels:
    return np.array(three, np.float32)


def as_pytorch(pixels: Pixels) -> Pixels:
    return (pixels / numbers(255) - numbers(0.485, 0.456, 0.406)) / numbers(0.229, 0.224, 0.225)


# Source: keras.applications.imagenet_utils.preprocess_input, by its modes; `imagenet` is nearly so.
@pytest.mark.parametrize(
    ("name", "documented", "tolerance"),
    [
        ("unit", lambda pixels: pixels / 255, 1e-6),
        ("signed", lambda pixels: pixels / 127.5 - 1, 1e-5),
        ("imagenet", as_pytorch, 0.05),
        ("caffe", lambda pixels: pixels[..., ::-1] - numbers(103.939, 116.779, 123.68), 1e-4),
    ],
)
def test_they_feed_what_is_documented(
    name: str, documented: Callable[[Pixels], Pixels], tolerance: float
) -> None:
    pixels = np.random.default_rng(1).uniform(0, 255, (4, 4, 3)).astype(np.float32)
    way = CONVENTIONS[name]
    fed = (pixels - np.array(way.mean, np.float32)) * np.float32(way.scale)
    fed = fed[..., ::-1] if way.channels == "bgr" else fed
    np.testing.assert_allclose(fed, documented(pixels), atol=tolerance)
