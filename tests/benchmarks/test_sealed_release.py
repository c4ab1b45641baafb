"""The benchmark of a sealed model runs, and counts what it says it counts."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from benchmarks import sealed_release, table
from benchmarks.figures import Spread


def test_a_small_model_is_sealed_fetched_and_opened() -> None:
    found = sealed_release.measure(mib=96, rounds=1)  # so many that every thread has a whole range
    spreads = {name: each for name, each in asdict(found).items() if name != "mib"}
    assert set(spreads) == {
        *("fetched_sealed", "fetched_plain", "fetch_ratio", "beside_mib"),
        *("sealed", "hashed", "seal_ratio"),
    }
    assert all(each["lowest"] >= 0 for each in spreads.values())
    assert 32 < spreads["beside_mib"]["highest"] <= 64


def test_the_table_says_where_what_is_asked_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(value: float) -> Spread:
        return Spread(median=value, lowest=value, highest=value)

    for fetch, beside, seal, reached in ((0.9, 20, 0.9, [True, True]), (0.8, 20, 0.7, [False, False])):
        found = sealed_release.SealedRelease(
            mib=1024,
            fetched_sealed=same(90),
            fetched_plain=same(100),
            fetch_ratio=same(fetch),
            beside_mib=same(beside),
            sealed=same(90),
            hashed=same(100),
            seal_ratio=same(seal),
        )
        monkeypatch.setattr(sealed_release, "measure", lambda found=found, **_: found)
        lines = table.ROWS["sealed"](table.Options(rounds=1, svg=None))
        assert [line.reached for line in lines] == reached
