from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.plotting import Panel, render_svg, ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("highest", [0.7, 1, 9.9, 10, 42, 730, 1000, 1001, 20_000, 99_999])
def test_ticks_are_few_and_reach_the_highest_value_and_hardly_beyond(highest: float) -> None:
    marks = ticks(highest)
    assert marks[0] == 0
    assert marks[-2] < highest <= marks[-1]
    assert 3 <= len(marks) <= 6


def test_a_drawing_has_each_value_at_its_place() -> None:
    panels = [
        Panel(title="Throughput", unit="pictures/s", values=[100.0, 50.0]),
        Panel(title="Peak memory", unit="MiB", values=[10.0, 10.0]),
    ]
    root = ElementTree.fromstring(render_svg([1_000, 20_000], "pictures in the job", panels))
    speed, memory = root.findall(f"{SVG}g")
    high, low = (float(dot.attrib["cy"]) for dot in speed.findall(f"{SVG}circle"))
    bottom = float(speed.findall(f"{SVG}line[@class='axis']")[0].attrib["y1"])
    assert bottom - high == pytest.approx(2 * (bottom - low), abs=0.2)
    assert len({dot.attrib["cy"] for dot in memory.findall(f"{SVG}circle")}) == 1
    words = "".join(root.itertext())
    for label in ("Throughput, pictures/s", "Peak memory, MiB", "20,000", "pictures in the job"):
        assert label in words


def test_words_are_escaped() -> None:
    panel = Panel(title="a < b", unit="s", values=[1.0, 2.0])
    assert "a &lt; b" in render_svg([1, 2], "n", [panel])
