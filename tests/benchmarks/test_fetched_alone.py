"""What one process takes beside a model is counted at its most, and not at its end."""

from __future__ import annotations

from benchmarks.fetched_alone import peak_beside_mib


def test_memory_that_is_given_back_before_the_end_counts() -> None:
    assert peak_beside_mib(lambda: (b"x" * (80 << 20)).count(b"y")) > 70
    assert peak_beside_mib(lambda: None) < 20
