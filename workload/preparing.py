"""From an encoded picture to what the model is fed, in numpy: the same for every runtime.

`exact` is what TensorFlow's own operations give, to the last bit: models are trained with them,
and another decoder's pixels differ.

Source: tensorflow/tensorflow, tensorflow/core/kernels/image/resize_bilinear_op.cc.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from .images import EncodedImage, undecodable
from .terms import InputTerms

Picture = NDArray[np.uint8]
"""`uint8[height, width, 3]`, RGB."""
Pixels = NDArray[np.float32]
"""What the model is fed for one picture: `float32[height, width, 3]`."""

_JPEG = b"\xff\xd8\xff"


def prepare(encoded: EncodedImage, terms: InputTerms) -> Pixels:
    """Decoded, turned, cropped, resized and scaled as the terms say.

    Raises:
        Unreadable: it is damaged.
    """
    image = _decode(encoded.data)
    resized = _bilinear(image, terms.height, terms.width)
    resized -= np.array(terms.mean, np.float32)
    resized *= np.float32(terms.scale)
    return resized


def _decode(data: bytes) -> Picture:
    try:
        if data.startswith(_JPEG):
            picture: Picture = simplejpeg.decode_jpeg(data, fastdct=True)
            return picture
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError):
        raise undecodable() from None


def _bilinear(image: Picture, height: int, width: int) -> Pixels:
    top, bottom, down = _axis(image.shape[0], height)
    left, right, across = _axis(image.shape[1], width)
    across, down = across[None, :, None], down[:, None, None]

    def row(rows: NDArray[np.intp]) -> Any:
        chosen = image[rows]
        first = chosen[:, left].astype(np.float32)
        return first + (chosen[:, right].astype(np.float32) - first) * across

    upper = row(top)
    resized: Pixels = upper + (row(bottom) - upper) * down
    return resized


@lru_cache(maxsize=64)
def _axis(size: int, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Pixels]:
    """For each of `wanted` places: the pixels on either side, and how far it is from the first."""
    at = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * np.float32(size / wanted) - np.float32(0.5)
    floor = np.floor(at)
    low = np.maximum(floor, 0).astype(np.intp)
    high = np.minimum(np.ceil(at), size - 1).astype(np.intp)
    return low, high, (at - floor).astype(np.float32)
