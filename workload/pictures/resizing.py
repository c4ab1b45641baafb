"""A picture is turned, cropped, resized and scaled, in one pass: as `tf.image.resize` does it, in numpy.

Without antialiasing, `nearest`, `bilinear` and `bicubic` are TensorFlow's numbers to the last bit, and so
are the antialiased ones; `area` adds up in another order, and is within 1e-3 of 255.

Of the picture only those pixels are copied that the result is made of, a few rows at a time; that it is
turned or cropped changes where they are looked for, and nothing else. What is on its way is in memory
that each thread keeps: 2 to 3 MiB, and 80 bytes for each pixel of the widest row where all are added up.

Source: tensorflow/tensorflow, tensorflow/core/kernels/image, as in `workload.pictures.sampling`; Exif 2.32,
tag 0x0112.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from contract.terms import InputTerms

from . import sampling
from .decoding import Picture
from .sampling import Floats, Spans, Taps

Pixels = NDArray[np.float32]
"""What the model is fed for one picture: `float32[height, width, 3]`."""

# As many at once as a core's own cache holds, as numbers.
_PIXELS_AT_ONCE = 1 << 16
_WIDE = 4

_TAPS = {
    "nearest": sampling.nearest_taps,
    "bilinear": sampling.bilinear_taps,
    "bicubic": sampling.bicubic_taps,
}


class _Scratch(threading.local):
    """Room for what is on its way."""

    def __init__(self) -> None:
        self._rooms: dict[str, NDArray[np.uint32]] = {}

    def pixels(self, name: str, *shape: int) -> Picture:
        count = math.prod(shape)
        room = self._rooms.get(name)
        if room is None or room.size < count:
            room = self._rooms[name] = np.empty(count, np.uint32)
        return room[:count].reshape(shape)

    def floats(self, name: str, *shape: int) -> Floats:
        return self.pixels(name, *shape).view(np.float32)


_scratch = _Scratch()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """How a picture of `height` by `width`, turned upright, becomes the part that is resized."""

    height: int
    width: int
    is_transposed: bool
    is_upside_down: bool
    is_mirrored: bool
    top: int
    left: int
    kept_height: int
    kept_width: int

    def view(self, picture: Picture) -> Picture:
        """The part of a stored picture, nothing copied."""
        upright = picture.T if self.is_transposed else picture
        upright = upright[:: -1 if self.is_upside_down else 1, :: -1 if self.is_mirrored else 1]
        return upright[self.top : self.top + self.kept_height, self.left : self.left + self.kept_width]

    def stored_rows(self, rows: sampling.Places) -> sampling.Places:
        """Where rows of the part are, before it was turned over and cropped."""
        rows = rows + self.top
        return self.height - 1 - rows if self.is_upside_down else rows

    def stored_columns(self, columns: sampling.Places) -> sampling.Places:
        """The same for its columns."""
        columns = columns + self.left
        return self.width - 1 - columns if self.is_mirrored else columns


def kept_part(height: int, width: int, terms: InputTerms) -> tuple[int, int]:
    """Height and width of what `fit` leaves of an upright picture."""
    if terms.fit != "crop":
        return height, width
    kept_height = max(min(height, width * terms.height // terms.width), 1)
    kept_width = max(min(width, height * terms.width // terms.height), 1)
    return kept_height, kept_width


def resize(picture: Picture, orientation: int, terms: InputTerms) -> Pixels:
    """What the model is fed. `orientation` is EXIF's, 1 to 8; it is applied whatever the terms say."""
    height, width = picture.shape
    turn = _turn(height, width, orientation, terms)
    resized = np.empty((terms.height, terms.width, 3), np.float32)
    if terms.method == "area" or (terms.antialias and terms.method != "nearest"):
        parts = _added_up(turn.view(picture), terms, turn)
    else:
        parts = _blended(picture, turn, terms)
    for rows, pixels in parts:
        _scale_into(resized[rows], pixels, terms)
    return resized


@lru_cache(maxsize=64)
def _turn(height: int, width: int, orientation: int, terms: InputTerms) -> _Turn:
    if orientation >= 5:
        height, width = width, height
    kept_height, kept_width = kept_part(height, width, terms)
    return _Turn(
        height=height,
        width=width,
        is_transposed=orientation >= 5,
        is_upside_down=orientation in (3, 4, 7, 8),
        is_mirrored=orientation in (2, 3, 6, 7),
        top=(height - kept_height) // 2,
        left=(width - kept_width) // 2,
        kept_height=kept_height,
        kept_width=kept_width,
    )


def _scale_into(resized: Floats, pixels: Floats, terms: InputTerms) -> None:
    """`pixels` is `float32[rows, width, 4]`, red, green, blue and nothing."""
    given = resized[..., ::-1] if terms.channels == "bgr" else resized
    for channel, mean in enumerate(terms.mean):
        if any(terms.mean):
            np.subtract(pixels[..., channel], np.float32(mean), out=given[..., channel])
        else:
            np.multiply(pixels[..., channel], np.float32(terms.scale), out=given[..., channel])
    if any(terms.mean):
        resized *= np.float32(terms.scale)


@lru_cache(maxsize=64)
def _blending(turn: _Turn, terms: InputTerms) -> tuple[Taps, Taps, Floats]:
    """Of rows and columns of the result: indices as stored; and of columns, a weight for each channel."""
    rows = _TAPS[terms.method](turn.kept_height, terms.height)
    columns = _TAPS[terms.method](turn.kept_width, terms.width)
    across = np.repeat(columns.weights, 4, axis=1)
    return (
        Taps(indices=turn.stored_rows(rows.indices), weights=rows.weights),
        Taps(indices=turn.stored_columns(columns.indices), weights=columns.weights),
        across,
    )


def _blended(picture: Picture, turn: _Turn, terms: InputTerms) -> Iterator[tuple[slice, Floats]]:
    """By the few neighbours of each place: all of them are gathered, and then mixed."""
    rows, columns, across = _blending(turn, terms)
    taps, width = columns.indices.shape
    step = max(_PIXELS_AT_ONCE // (taps * taps * width), 1)
    for start in range(0, terms.height, step):
        part = slice(start, min(start + step, terms.height))
        height = part.stop - part.start
        chosen = _gather(picture, rows.indices[:, part].reshape(-1), columns.indices.reshape(-1), turn)
        values = _scratch.floats("values", taps, taps * height, width * 4)
        for tap in range(taps):
            np.copyto(values[tap], chosen[:, tap * width : (tap + 1) * width].view(np.uint8))
        down = rows.weights[:, part, None]
        if terms.method == "nearest":
            mixed = values[0]
        elif terms.method == "bilinear":
            mixed = _mix(*_halves(_mix(values[0], values[1], across)), down[0])
        else:
            mixed = _sum_of_taps(values.reshape(taps, taps, height, width * 4), down, across)
        yield part, mixed.reshape(height, width, 4)


def _gather(picture: Picture, rows: sampling.Places, columns: sampling.Places, turn: _Turn) -> Picture:
    chosen = _scratch.pixels("chosen", rows.size, columns.size)
    width = picture.shape[1]
    if turn.is_transposed or width > _WIDE * columns.size:
        places = columns * width + rows[:, None] if turn.is_transposed else rows[:, None] * width + columns
        return np.take(picture.reshape(-1), places, out=chosen, mode="wrap")
    whole = _scratch.pixels("rows", rows.size, width)
    np.take(picture, rows, axis=0, out=whole, mode="wrap")
    return np.take(whole, columns, axis=1, out=chosen, mode="wrap")


def _mix(first: Floats, second: Floats, part: Floats) -> Floats:
    """`first + (second - first) * part`, where `second` was."""
    np.subtract(second, first, out=second)
    np.multiply(second, part, out=second)
    return np.add(first, second, out=second)


def _halves(rows: Floats) -> tuple[Floats, Floats]:
    return rows[: len(rows) // 2], rows[len(rows) // 2 :]


def _sum_of_taps(values: Floats, down: Floats, across: Floats) -> Floats:
    """`values` is `float32[taps across, taps down, rows, width * 4]`; down first, as TensorFlow does."""
    for column in values:
        column *= down
        for row in column[1:]:
            column[0] += row
    for weights, column in zip(across, values[:, 0], strict=True):
        column *= weights
    for column in values[1:]:
        values[0, 0] += column[0]
    mixed: Floats = values[0, 0]
    return mixed


@lru_cache(maxsize=64)
def _adding(turn: _Turn, terms: InputTerms) -> tuple[Spans, Spans, np.float32]:
    """Of rows and columns of the result, and what sums are multiplied by."""
    sizes = (turn.kept_height, turn.kept_width, terms.height, terms.width)
    if terms.method == "area":
        rows = sampling.area_spans(turn.kept_height, terms.height)
        columns = sampling.area_spans(turn.kept_width, terms.width)
        return rows, columns, sampling.area_factor(*sizes)
    cubic = terms.method == "bicubic"
    rows = sampling.antialiased_spans(turn.kept_height, terms.height, cubic=cubic)
    columns = sampling.antialiased_spans(turn.kept_width, terms.width, cubic=cubic)
    return rows, columns, np.float32(1)


def _added_up(part: Picture, terms: InputTerms, turn: _Turn) -> Iterator[tuple[slice, Floats]]:
    """By all the pixels beneath each place: a row of the result at a time, down and then across."""
    rows, columns, factor = _adding(turn, terms)
    height, width = part.shape
    span = columns.weights.shape[1]
    places = np.minimum(columns.firsts + np.arange(span)[:, None], width - 1)
    across = columns.weights.T[..., None]
    row = _scratch.floats("row", width, 4)
    for number, (first, down) in enumerate(zip(rows.firsts.tolist(), rows.weights, strict=True)):
        count = min(len(down), height - first)
        step = max(_PIXELS_AT_ONCE // count, 1)
        for left in range(0, width, step):
            block = part[first : first + count, left : left + step]
            pixels = _scratch.pixels("block", *block.shape)
            np.copyto(pixels, block)
            values = _scratch.floats("values", count, block.shape[1] * 4)
            np.copyto(values, pixels.view(np.uint8))
            values *= down[:count, None]
            np.add.reduce(values, axis=0, out=row[left : left + step].reshape(-1))
        gathered = np.take(
            row, places, axis=0, out=_scratch.floats("gathered", span, terms.width, 4), mode="wrap"
        )
        gathered *= across
        mixed = np.add.reduce(gathered, axis=0, keepdims=True)
        mixed *= factor
        yield slice(number, number + 1), mixed
