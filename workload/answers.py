"""What a model is asked and what it answers: the words that the stream and every runtime share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contract.results import PictureError, Prediction, Row

from .pictures.headers import Unreadable
from .pictures.listing import ListedPicture

Fed = NDArray[np.float32]
"""A batch of pictures as the terms say the model is fed: `float32[n, height, width, 3]`."""
Indices = NDArray[np.int32]
"""Classes, best first: `int32[n, k]`, or `int32[k]` of one picture."""
Scores = NDArray[np.float32]
"""Their scores: as many."""
Answer = tuple[Indices, Scores] | Unreadable
"""What is known of one picture."""


class Classifier(Protocol):
    """Pictures -> their k best classes and the scores of those, `[n, k]` each, best first.

    The pictures are only there during the call.
    """

    def __call__(self, pictures: Fed, /) -> tuple[Indices, Scores]: ...


def row_of(picture: ListedPicture, answer: Answer, labels: Sequence[str] | None) -> Row:
    """The answer as the operator is given it, with the classes' names where there are `labels`."""
    if isinstance(answer, Unreadable):
        return _without_classes(picture, answer.code, answer.message)
    indices, scores = answer[0].tolist(), answer[1].tolist()
    if not all(map(math.isfinite, scores)):
        return _without_classes(picture, "no-score", "the model gives no finite score for this picture")
    predictions = tuple(
        Prediction(class_index=index, score=score, label=labels[index] if labels else None)
        for index, score in zip(indices, scores, strict=True)
    )
    return Row(picture=picture.name, generation=picture.generation, predictions=predictions)


def _without_classes(picture: ListedPicture, code: str, message: str) -> Row:
    error = PictureError(code=code, message=message)
    return Row(picture=picture.name, generation=picture.generation, error=error)
