"""What TensorFlow makes of a picture: the operations that models are trained with."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.terms import InputTerms


def decoded(data: bytes) -> NDArray[np.uint8] | None:
    """`uint8[height, width, 3]`, or None if TensorFlow refuses it."""
    tf = _tensorflow()
    try:
        pixels: NDArray[np.uint8] = tf.io.decode_image(data, channels=3, expand_animations=False).numpy()
    except tf.errors.OpError:
        return None
    return pixels


def resized(image: NDArray[np.uint8], orientation: int, terms: InputTerms) -> NDArray[np.float32]:
    """Turned as Exif 2.32 has it in tag 0x0112, cropped, resized and scaled: `float32[height, width, 3]`."""
    tf = _tensorflow()
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if terms.fit == "crop":
        height, width, _ = image.shape
        kept_height = max(min(height, width * terms.height // terms.width), 1)
        kept_width = max(min(width, height * terms.width // terms.height), 1)
        top, left = (height - kept_height) // 2, (width - kept_width) // 2
        image = image[top : top + kept_height, left : left + kept_width]
    pixels = tf.image.resize(
        np.ascontiguousarray(image), [terms.height, terms.width], terms.method, antialias=terms.antialias
    )
    fed: NDArray[np.float32] = (
        (tf.cast(pixels, tf.float32) - tf.constant(terms.mean, tf.float32)) * terms.scale
    ).numpy()
    return fed


def _tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow

    return tensorflow
