"""Along one axis: from which pixels each pixel of a resized picture is made, and how much of each.

The numbers are those of `tf.image.resize`, computed in its order and precision (float32).

Source: tensorflow/tensorflow, tensorflow/core/kernels/image: resize_nearest_neighbor_op.cc,
resize_bilinear_op.cc, resize_bicubic_op.cc, resize_area_op.cc, scale_and_translate_op.cc and
sampling_kernels.h; core/util/image_resizer_state.h. Keys, "Cubic convolution interpolation for
digital image processing", 1981.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]
Floats = NDArray[np.float32]

_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)
_SMALLEST_SUM = np.float32(1000) * np.finfo(np.float32).tiny
_TABLE_STEPS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Taps:
    """For each of n places the same number of pixels, anywhere: `intp[taps, n]`.

    `weights` are how far it is from the first to the second (`float32[1, n]`, for `bilinear`), or each
    one's part (`float32[taps, n]`).
    """

    indices: Places
    weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """For each of n places neighbouring pixels, the first of them at `firsts`: `float32[n, span]`."""

    firsts: Places
    weights: Floats


def nearest_taps(size: int, wanted: int) -> Taps:
    """The pixel in which the place is."""
    at = (np.arange(wanted, dtype=np.float32) + _HALF) * _step(size, wanted)
    indices = np.clip(np.floor(at).astype(np.intp), 0, size - 1)
    return Taps(indices=indices[None], weights=np.ones((1, wanted), np.float32))


def bilinear_taps(size: int, wanted: int) -> Taps:
    """The pixels on either side."""
    at = _centres(size, wanted)
    floor = np.floor(at)
    low = np.maximum(floor, 0).astype(np.intp)
    high = np.minimum(np.ceil(at), size - 1).astype(np.intp)
    return Taps(indices=np.stack([low, high]), weights=(at - floor)[None])


def bicubic_taps(size: int, wanted: int) -> Taps:
    """Two pixels on either side, by a table of Keys' curve with a = -1/2; there are none over the edge."""
    at = _centres(size, wanted)
    floor = np.floor(at)
    places = floor.astype(np.intp) + np.arange(-1, 3)[:, None]
    offset = np.rint((at - floor) * np.float32(_TABLE_STEPS)).astype(np.intp)
    near, far = _keys_table()
    weights = np.stack([far[offset], near[offset], near[_TABLE_STEPS - offset], far[_TABLE_STEPS - offset]])
    indices = np.clip(places, 0, size - 1)
    weights[indices != places] = 0
    return Taps(indices=indices, weights=weights * _one_over(_summed(weights)))


def antialiased_spans(size: int, wanted: int, *, cubic: bool) -> Spans:
    """A tent, or Keys' curve, as wide as a place of the result is: all pixels beneath it."""
    step = np.float32(1.0 / float(_step(wanted, size)))
    stretch = max(step, _ONE)
    reach = (np.float32(2) if cubic else _ONE) * stretch
    at = (np.arange(wanted, dtype=np.float32) + _HALF) * step
    firsts = np.clip(np.ceil(at - reach - _HALF).astype(np.intp), 0, size - 1)
    ends = np.clip(np.floor(at + reach - _HALF).astype(np.intp), 0, size - 1) + 1
    places = firsts + np.arange((ends - firsts).max())[:, None]
    away = np.abs((places.astype(np.float32) + _HALF - at) * (_ONE / stretch))
    weights = _keys(away) if cubic else np.maximum(_ONE - away, _ZERO)
    weights[places >= ends] = 0
    weights *= _one_over(_summed(weights))
    return Spans(firsts=firsts, weights=np.ascontiguousarray(weights.T))


def area_spans(size: int, wanted: int) -> Spans:
    """All pixels of which the place covers a part, each for that part."""
    step = _step(size, wanted)
    start = np.arange(wanted, dtype=np.float32) * step
    end = np.arange(1, wanted + 1, dtype=np.float32) * step
    firsts = np.floor(start).astype(np.intp)
    ends = np.ceil(end).astype(np.intp)
    places = firsts + np.arange((ends - firsts).max())[:, None]
    here = places.astype(np.float32)
    reaches_over = here + _ONE > end
    weights = np.where(
        here < start,
        np.where(reaches_over, step, here + _ONE - start),
        np.where(reaches_over, end - here, _ONE),
    )
    weights[places >= ends] = 0
    for tap, place in zip(*np.nonzero((places >= size) & (weights != 0)), strict=True):
        weights[size - 1 - firsts[place], place] += weights[tap, place]
    weights[places >= size] = 0
    return Spans(firsts=np.minimum(firsts, size - 1), weights=np.ascontiguousarray(weights.T))


def area_factor(height: int, width: int, wanted_height: int, wanted_width: int) -> np.float32:
    """What a sum over the covered pixels is multiplied by to be their mean."""
    return np.float32(1.0 / float(_step(height, wanted_height) * _step(width, wanted_width)))


def _step(size: int, wanted: int) -> np.float32:
    return np.float32(size) / np.float32(wanted)


def _centres(size: int, wanted: int) -> Floats:
    """The centres of the result's pixels, in pixels of the picture, counted from its first one's centre."""
    centres: Floats = (np.arange(wanted, dtype=np.float32) + _HALF) * _step(size, wanted) - _HALF
    return centres


def _summed(weights: Floats) -> Floats:
    total = np.zeros(weights.shape[1], np.float32)
    for row in weights:
        total += row
    return total


def _one_over(totals: Floats) -> Floats:
    is_some = np.abs(totals) >= _SMALLEST_SUM
    inverse: Floats = np.divide(_ONE, totals, out=np.ones_like(totals), where=is_some)
    return inverse


def _keys(away: Floats) -> Floats:
    near = ((np.float32(1.5) * away - np.float32(2.5)) * away) * away + _ONE
    far = ((np.float32(-0.5) * away + np.float32(2.5)) * away - np.float32(4)) * away + np.float32(2)
    return np.where(away >= 2, _ZERO, np.where(away >= 1, far, near))


def _keys_table() -> tuple[Floats, Floats]:
    """The curve at less than one pixel away, and at one more: float64, rounded at the end."""
    a = -0.5
    x = (np.arange(_TABLE_STEPS + 1) / _TABLE_STEPS).astype(np.float32).astype(np.float64)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    x = (x.astype(np.float32) + _ONE).astype(np.float64)
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return near.astype(np.float32), far.astype(np.float32)
