from __future__ import annotations

import pytest

from benchmarks.launched import find_timings


def test_the_timings_are_found_among_other_lines() -> None:
    said = '{"message": "timings", "format": 1, "first_row_s": 0.9, "whole_s": 1.2, "steps": {}}'
    log = f'2026/11/21 booting\n{{"message": "admitted"}}\n{said}\nended\n'
    assert find_timings(log).moments["first_row"] == 0.9


def test_a_workload_that_says_none_is_no_measurement() -> None:
    with pytest.raises(SystemExit, match="no timings"):
        find_timings('{"message": "admitted"}\n')
