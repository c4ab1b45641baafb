"""Malformed pictures: those are refused that TensorFlow refuses, and the others have its pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import simplejpeg

from tests.workload.pictures import oracle
from tests.workload.pictures.malformed import Chance, malformed_header, malformed_jpeg, malformed_png
from tests.workload.pictures.test_decoding import KINDS, PHOTO
from workload.pictures.decoding import decode
from workload.pictures.headers import Unreadable, check_header
from workload.pictures.jpeg_markers import parse_head

SIZES = [(37, 53), (64, 48), (1, 1), (3, 20), (96, 80), (700, 3)]
SEED = os.environ.get("SYMBOLON_SEED", "0")
FIRST = int.from_bytes(os.urandom(4), "big") if SEED == "random" else int(SEED)


def read(data: bytes) -> np.ndarray[Any, Any] | None:
    """`uint8[height, width, 3]`, as a job decodes it; None if the picture is refused."""
    try:
        return decode(check_header(data).data)[..., None].view(np.uint8)[..., :3]
    except Unreadable:
        return None


def check_that_they_agree(kind: str, malform: Callable[[bytes, Chance], bytes], count: int) -> None:
    read_by_both = refused_by_both = 0
    for number in range(FIRST, FIRST + count):
        whole = KINDS[kind](PHOTO.resize(SIZES[number % len(SIZES)]))
        data = malform(whole, np.random.default_rng(number))
        expected, found = oracle.decoded(data), read(data)
        assert (found is None) == (expected is None), (kind, number)
        if expected is None or found is None:
            refused_by_both += 1
            continue
        read_by_both += 1
        assert found.shape == expected.shape, (kind, number)
        if kind.startswith("jpeg") and is_read_nearly_as_tensorflow_reads_it(data):
            continue
        np.testing.assert_array_equal(found, expected, err_msg=f"{kind}, {number}")
    assert read_by_both
    assert refused_by_both


def is_read_nearly_as_tensorflow_reads_it(jpeg: bytes) -> bool:
    """Its colours are sampled in a way without a name, or scans may be missing and are made up for."""
    head = parse_head(jpeg)
    if head is None or not head.is_single_scan:
        return True
    try:
        return simplejpeg.decode_jpeg_header(jpeg, strict=False) is None
    except (ValueError, LookupError):
        return True


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("png")])
def test_a_malformed_png_is_what_tensorflow_makes_of_it(kind: str) -> None:
    check_that_they_agree(kind, malformed_png, 40)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("jpeg")])
def test_a_malformed_jpeg_is_what_tensorflow_makes_of_it(kind: str) -> None:
    check_that_they_agree(kind, malformed_jpeg, 40)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("bmp")])
def test_a_malformed_bmp_is_what_tensorflow_makes_of_it(kind: str) -> None:
    check_that_they_agree(kind, malformed_header, 40)
