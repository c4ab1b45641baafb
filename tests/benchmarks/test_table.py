from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import table
from benchmarks.comparing import Comparison, Steady
from benchmarks.figures import Agreement, Spread
from benchmarks.table import Line, Options, SteadyRow, render

OPTIONS = Options(rounds=2, svg=None)


def same(value: float) -> Spread:
    return Spread(median=value, lowest=value, highest=value)


def steady(*, ratio: float = 4.0, share: float = 0.95, kept: float | None = None) -> Steady:
    return Steady(
        ours=same(100 * ratio),
        peer=same(100.0),
        ratio=same(ratio),
        ratio_later=same(ratio / 2),
        stages={"decode": 1000.0},
        bound=same(100 * ratio / share),
        share=same(share),
        bound_by_cpu=1000.0,
        cpu_ms={},
        busy=same(0.9),
        without_latency=None if kept is None else same(100 * ratio / kept),
        kept_with_latency=None if kept is None else same(kept),
        first_row_s=same(0.1),
        peak_bytes={"ours": 300 << 20, "sample": 700 << 20},
        agreement=Agreement(pictures=499, same_order=499, same_best=499, largest_difference=1e-6),
    )


@pytest.mark.parametrize(
    ("found", "reached"),
    [
        (steady(), True),
        (steady(ratio=3.2), False),
        (steady(share=0.92), False),
        (steady(kept=0.9), True),
        (steady(kept=0.8), False),
    ],
    ids=["all", "ratio", "share", "kept", "not kept"],
)
def test_a_line_is_reached_where_all_that_it_asks_is(
    found: Steady, reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "compare_steady", lambda comparison: found)
    kept = 0.85 if found.kept_with_latency else None
    row = SteadyRow(work="photos", comparison=Comparison(), options="", times=3.3, share=0.93, kept=kept)
    (line,) = row.measure(OPTIONS)
    assert line.reached is reached
    assert f"{found.ratio.median:.2f} times" in line.seen
    assert "same top 5 of all 499" in line.seen


def test_answers_that_differ_are_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    agreement = Agreement(pictures=40, same_order=30, same_best=38, largest_difference=0.2)
    assert table._agreed(agreement) == "same top 5 of 30, same best of 38 of 40"


def test_the_table_has_the_rows_in_their_order_and_says_what_is_not_reached() -> None:
    line = Line(work="w", command="benchmarks.scale", asked="a", seen="s", reached=False)
    last, first = list(table.ROWS)[-1], next(iter(table.ROWS))
    text = render({last: [line], first: [Line(work="v", command="c", asked="a", seen="s", reached=True)]})
    rows = text.splitlines()[2:]
    assert rows == ["| v | `c` | a | s | ✓ |", "| w | `benchmarks.scale` | a | s | not reached |"]


def test_whoever_is_interrupted_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def row(name: str) -> Any:
        def measure(options: Options) -> list[Line]:
            asked.append(name)
            return [Line(work=name, command="c", asked="a", seen="s", reached=True)]

        return measure

    monkeypatch.setattr(table, "ROWS", {"one": row("one"), "two": row("two")})
    keep = tmp_path / "kept.json"
    monkeypatch.setattr(sys, "argv", ["table", "--row", "two", "--keep", str(keep)])
    table.main()
    assert list(json.loads(keep.read_text())) == ["two"]
    monkeypatch.setattr(sys, "argv", ["table", "--keep", str(keep)])
    table.main()
    assert asked == ["two", "one"]
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"| {name} | `c` | a | s | ✓ |" for name in ("one", "two")
    ]


def test_another_model_takes_the_place_of_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Comparison] = []

    def compare(comparison: Comparison) -> Steady:
        asked.append(comparison)
        return steady()

    monkeypatch.setattr(table, "compare_steady", compare)
    monkeypatch.setattr(table, "make_saved_model", lambda pixels, name: tmp_path / f"{name}-{pixels}")
    row = SteadyRow(work="one", comparison=Comparison(pixels=224), options="", times=2)
    row.measure(OPTIONS)
    row.measure(Options(rounds=2, svg=None, model="mobilenet"))
    usual, other = asked
    assert usual.model is None
    assert other.model is not None
    assert other.model.folder == str(tmp_path / "mobilenet-224" / "saved_model")
    assert (other.model.pixels, other.model.output) == (224, "scores")
