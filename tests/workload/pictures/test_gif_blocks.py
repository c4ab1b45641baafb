"""The walk over a GIF's blocks: nothing in front of the first frame is handed on but its transparency."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data as photos

from tests.workload.pictures.test_decoding import colours, encode
from workload.pictures.gif_blocks import MOST_BLOCKS, TooLong, tidied
from workload.pictures.headers import Unreadable, check_header

PHOTO = Image.fromarray(photos.astronaut()).resize((40, 30))  # type: ignore[no-untyped-call]
GIF = encode(PHOTO.convert("P"), "GIF")
FRAME = GIF.index(b"\x2c\0\0\0\0\x28\0\x1e\0")
COMMENT = b"\x21\xfe" + 3 * b"\x05words" + b"\0"


def test_what_is_said_in_front_of_the_first_frame_is_left_out() -> None:
    assert tidied(GIF[:FRAME] + COMMENT + GIF[FRAME:]) == tidied(GIF)
    np.testing.assert_array_equal(colours(GIF[:FRAME] + COMMENT + GIF[FRAME:]), colours(GIF))


def test_transparency_stays() -> None:
    control = b"\x21\xf9\x04\x01\0\0\x03\0"
    found = tidied(GIF[:FRAME] + control + COMMENT + GIF[FRAME:])
    assert found == b"GIF89a" + GIF[6:FRAME] + control + GIF[FRAME:]


@pytest.mark.parametrize(
    "odd", [b"", GIF[:5], GIF[:FRAME], GIF[:FRAME] + b"\x21\xfe\x05wo", GIF[:FRAME] + b";"]
)
def test_without_a_frame_it_is_none(odd: bytes) -> None:
    assert tidied(odd) is None


def test_there_is_an_end_to_the_number_of_blocks() -> None:
    def gif(blocks: int) -> bytes:
        return GIF[:FRAME] + b"\x21\xfe" + blocks * b"\x01a" + b"\0" + GIF[FRAME:]

    assert tidied(gif(MOST_BLOCKS)) is not None
    with pytest.raises(TooLong):
        tidied(gif(MOST_BLOCKS + 1))
    with pytest.raises(Unreadable) as refused:
        check_header(gif(MOST_BLOCKS + 1))
    assert refused.value.code == "too-costly"
