from __future__ import annotations

import pytest

from benchmarks.launched import find_timings


def test_the_timings_are_found_among_other_lines() -> None:
    log = '2026/11/21 booting\n{"message": "admitted"}\n{"message": "timings", "first_row_s": 0.9}\nended\n'
    assert find_timings(log)["first_row_s"] == 0.9


def test_a_workload_that_says_none_is_no_measurement() -> None:
    with pytest.raises(SystemExit, match="no timings"):
        find_timings('{"message": "admitted"}\n')
