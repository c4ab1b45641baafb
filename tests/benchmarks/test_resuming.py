"""What is reported of resuming stands beside its bound, and one figure beyond it is enough for a no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.resuming import Costs, reached, render

FOUND = Costs(
    done=0.912,
    resumed=0.15,
    resumed_cpu=0.16,
    proof=0.03,
    proof_cpu=0.04,
    whole_s=50.0,
    memory_growth=1.1,
)


def test_figures_within_their_bounds_are_a_yes() -> None:
    assert reached(FOUND)
    assert reached(replace(FOUND, memory_growth=None))


@pytest.mark.parametrize("beyond", [{"resumed": 0.151}, {"proof": 0.031}, {"memory_growth": 1.11}])
def test_one_figure_beyond_its_bound_is_a_no(beyond: dict[str, float]) -> None:
    assert not reached(replace(FOUND, **beyond))


def test_each_figure_is_shown_with_its_bound() -> None:
    assert render(FOUND).splitlines() == [
        "resuming 91%    15.0% of the whole job's 50.0 s (16.0% of its processor time), at most 15%",
        "proof             3.0% of a job of 2,000 pictures (4.0% of its processor time), at most 3%",
        "memory            1.10 times with 20,000 pictures what it is with 1,000, at most 1.1",
    ]
    assert "memory" not in render(replace(FOUND, memory_growth=None))
