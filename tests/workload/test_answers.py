"""A model's answer as the operator is given it."""

from __future__ import annotations

import numpy as np
import pytest

from contract.results import PictureError, Prediction, Row
from workload.answers import row_of
from workload.pictures.headers import Unreadable
from workload.pictures.listing import ListedPicture

CAT = ListedPicture(name="cat.jpg", generation=7, size=1)
BEST = (np.array([2, 0], np.int32), np.array([0.75, 0.25], np.float32))


def test_classes_keep_their_order_and_have_names_where_there_are_any() -> None:
    assert row_of(CAT, BEST, ("a", "b", "c")) == Row(
        picture="cat.jpg",
        generation=7,
        predictions=(
            Prediction(class_index=2, score=0.75, label="c"),
            Prediction(class_index=0, score=0.25, label="a"),
        ),
    )
    assert [each.label for each in row_of(CAT, BEST, None).predictions] == [None, None]


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_the_pictures_error(score: float) -> None:
    row = row_of(CAT, (BEST[0], np.array([0.75, score], np.float32)), None)
    assert row.error == PictureError(
        code="no-score", message="the model gives no finite score for this picture"
    )
    assert row.predictions == ()


def test_a_picture_that_cannot_be_read_says_why() -> None:
    row = row_of(CAT, Unreadable("gone", "it was deleted"), None)
    assert row == Row(
        picture="cat.jpg", generation=7, error=PictureError(code="gone", message="it was deleted")
    )
