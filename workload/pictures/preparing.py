"""From an encoded picture to what the model is fed, in numpy: the same for every runtime.

`exact` is what TensorFlow's own operations give: models are trained with them, and another decoder's
pixels differ. `scaled` lets a JPEG be decoded at a half, a quarter or an eighth of its size, whichever
is the smallest that is no smaller than the result; at an eighth, of a progressive one only the scans
that such a picture is made of. Most pixels that are left out would not have been looked at.

Any number of threads may prepare at once. Each holds one decoded picture (`BYTES_PER_PIXEL` for each of
its pixels while it is decoded), and of what is larger than the result only a few rows beside it.
"""

from __future__ import annotations

from contract.terms import InputTerms

from .decoding import BYTES_PER_PIXEL, Least, decode
from .headers import EncodedPicture
from .resizing import Pixels, resize

__all__ = ["BYTES_PER_PIXEL", "Pixels", "prepare"]


def prepare(encoded: EncodedPicture, terms: InputTerms) -> Pixels:
    """Decoded, turned, cropped, resized and scaled as the terms say: `float32[height, width, 3]`.

    Raises:
        Unreadable: it is damaged.
    """
    orientation = encoded.orientation if terms.exif_orientation == "apply" else 1
    least = None
    if terms.decode == "scaled":
        # What is cropped is no larger than the result either way, if the whole picture is.
        least = Least(terms.height, terms.width) if orientation < 5 else Least(terms.width, terms.height)
    return resize(decode(encoded.data, least), orientation, terms)
