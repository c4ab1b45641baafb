from __future__ import annotations

import pytest

from benchmarks.figures import Rows, Spread, agreement, bound, pairwise, perfect_overlap

ROWS: Rows = {"cat.jpg": ([1, 2], [0.75, 0.25]), "dog.jpg": ([3, 1], [0.5, 0.25])}


def test_a_ratio_is_taken_within_a_round_and_not_between_medians() -> None:
    assert pairwise([10.0, 100.0, 30.0], [1.0, 50.0, 10.0]) == Spread(median=3.0, lowest=2.0, highest=10.0)


def test_rounds_without_a_pair_are_no_ratio() -> None:
    with pytest.raises(ValueError, match="shorter"):
        pairwise([1.0, 2.0], [1.0])


def test_an_image_takes_of_all_cores_what_its_stages_take_together() -> None:
    assert perfect_overlap([100.0]) == 100.0
    assert perfect_overlap([100.0, 100.0]) == pytest.approx(50.0)


def test_no_overlap_is_faster_than_reads_that_wait() -> None:
    stages = {"reads": 1000.0, "decode": 1000.0}
    assert bound(stages) == pytest.approx(500.0)
    assert bound(stages, waiting=200.0) == pytest.approx(200.0)
    assert bound(stages, waiting=900.0) == pytest.approx(500.0)


def test_the_same_rows_agree() -> None:
    same = agreement(ROWS, ROWS)
    assert (same.pictures, same.same_order, same.same_best, same.largest_difference) == (2, 2, 2, 0.0)


@pytest.mark.parametrize(
    ("theirs", "same_order", "same_best", "largest"),
    [
        (([2, 1], [0.5, 0.5]), 1, 1, 0.25),
        (([1, 4], [0.75, 0.25]), 1, 2, 0.0),
        (([1, 2], [0.5, 0.25]), 2, 2, 0.25),
    ],
    ids=["another order", "another class behind the best", "another score"],
)
def test_what_differs_is_counted(
    theirs: tuple[list[int], list[float]], same_order: int, same_best: int, largest: float
) -> None:
    same = agreement(ROWS, {**ROWS, "cat.jpg": theirs})
    assert (same.pictures, same.same_order, same.same_best) == (2, same_order, same_best)
    assert same.largest_difference == pytest.approx(largest)


def test_photos_that_one_side_alone_has_seen_do_not_count() -> None:
    assert agreement(ROWS, {"cat.jpg": ROWS["cat.jpg"]}).pictures == 1
    with pytest.raises(ValueError, match="no photo"):
        agreement(ROWS, {})
