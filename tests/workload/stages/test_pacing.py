"""How many reads are under way at once, on networks that are near, far, and narrow."""

from __future__ import annotations

import pytest

from workload.stages.pacing import Pace

OWN_S = 0.0011
"""What a read takes of a client's own processor time."""


def after(
    reads: int, *, latency_s: float, own_s: float = OWN_S, most: int = 64, pace: Pace | None = None
) -> int:
    """The connections after that many reads; those under way wait for one another's own time."""
    pace = pace or Pace(most)
    for _ in range(reads):
        pace.observe(latency_s=max(latency_s + own_s, pace.connections * own_s), own_s=own_s)
    return pace.connections


@pytest.mark.parametrize(
    ("latency_s", "least", "most"),
    [(0.0, 2, 3), (0.002, 2, 4), (0.030, 20, 24), (0.100, 64, 64)],
)
def test_as_many_as_hide_the_latency_and_no_more(latency_s: float, least: int, most: int) -> None:
    assert least <= after(500, latency_s=latency_s) <= most


def test_there_are_few_before_anything_is_known_and_one_more_with_each_read() -> None:
    pace = Pace(64)
    assert pace.connections == 4
    assert [after(1, latency_s=1, pace=pace) for _ in range(3)] == [5, 6, 7]


def test_first_reads_which_also_open_a_connection_mislead_nobody_for_long() -> None:
    pace = Pace(64)
    after(4, latency_s=0.040, own_s=0.004, pace=pace)
    assert after(8, latency_s=0.0005, pace=pace) <= 4


def test_it_follows_a_network_that_becomes_slower_and_faster() -> None:
    pace = Pace(64)
    assert after(100, latency_s=0.001, pace=pace) <= 4
    assert after(200, latency_s=0.030, pace=pace) >= 20
    assert after(100, latency_s=0.001, pace=pace) <= 4


def test_one_slow_read_among_quick_ones_changes_nothing() -> None:
    pace = Pace(64)
    before = after(100, latency_s=0.002, pace=pace)
    assert after(1, latency_s=5.0, pace=pace) <= before


@pytest.mark.parametrize("most", [1, 2, 3, 256])
def test_there_are_never_more_than_may_be_nor_none(most: int) -> None:
    pace = Pace(most)
    for latency_s in (0.0, 1e-9, 10.0):
        for _ in range(300):
            pace.observe(latency_s=latency_s, own_s=0.0)
            assert 1 <= pace.connections <= most
