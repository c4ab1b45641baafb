"""The stream: every picture has its row, in listing order, whatever becomes of the others."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workload.streaming import best_is_the_value, bounds, listed, one_pixel, run, value_of
from workload.answers import Fed, Indices, Scores
from workload.pictures.headers import EncodedPicture, Unreadable
from workload.pictures.listing import ListedPicture
from workload.pipeline import Stream


@pytest.mark.parametrize("count", [1, 2, 3, 201])
def test_every_picture_has_its_row_in_listing_order(count: int) -> None:
    rows = run(count)
    assert [row.picture for row in rows] == [image.name for image in listed(count)]
    assert [row.predictions[0].class_index for row in rows] == [row.generation for row in rows]
    assert rows[0].predictions[1].score == 0.0


def test_labels_go_with_their_classes() -> None:
    row = run(1, labels=["no", "one", "two"])[0]
    assert [prediction.label for prediction in row.predictions] == ["one", "two"]


@pytest.mark.parametrize("rows_a_part", [1, 3, 4, 32])
@pytest.mark.parametrize(("batch_size", "at_once"), [(4, 1), (8, 2), (64, 1)])
def test_no_batch_holds_pictures_of_two_parts(rows_a_part: int, batch_size: int, at_once: int) -> None:
    batches: list[list[int]] = []

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        batches.append([int(value) - 1 for value in images[:, 0, 0, 0]])
        return best_is_the_value(images)

    settings = bounds(batch_size=batch_size, batch_wait_s=0.001)
    with Stream(
        listed(70), read=value_of, prepare=one_pixel, settings=settings, rows_a_part=rows_a_part
    ) as stream:
        rows = list(stream.rows(classifier, labels=None, batch_size=batch_size, at_once=at_once))
    assert [row.generation for row in rows] == list(range(1, 71))
    assert sorted(position for batch in batches for position in batch) == list(range(70))
    assert all(len({position // rows_a_part for position in batch}) == 1 for batch in batches)


@pytest.mark.parametrize("bad", [{0}, {1}, {6}, {0, 1}, {5, 6}, {0, 3, 6}, set(range(7))])
@pytest.mark.parametrize("why", ["unreadable", "undecodable"])
def test_a_bad_picture_is_a_row_of_its_own_and_sinks_nobody(bad: set[int], why: str) -> None:
    def read(image: ListedPicture) -> EncodedPicture:
        if image.generation - 1 not in bad:
            return value_of(image)
        if why == "unreadable":
            raise Unreadable("gone", "the object was deleted")
        return EncodedPicture(data=b"undecodable", orientation=1)

    rows = run(7, read=read)
    assert [row.generation for row in rows] == list(range(1, 8))
    assert {row.generation - 1 for row in rows if row.error} == bad
    assert {row.error.code for row in rows if row.error} == {"gone" if why == "unreadable" else why}


def test_scores_that_are_no_numbers_are_that_pictures_error() -> None:
    def classifier(images: Fed) -> tuple[Indices, Scores]:
        indices, scores = best_is_the_value(images)
        scores[images[:, 0, 0, 0] == 1] = np.nan
        return indices, scores

    rows = run(2, classifier=classifier)
    assert rows[0].error is not None
    assert rows[0].error.code == "no-score"
    assert rows[1].error is None
