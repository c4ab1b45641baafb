"""Curves over a count as SVG: panels below one another, readable on light and on dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 640, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 34, 44
_STYLE = """
  svg { background: #ffffff; }
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .grid { stroke: #d0d7de; }
  .axis { stroke: #57606a; }
  .curve { fill: none; stroke: #0550ae; stroke-width: 2; }
  .dot { fill: #0550ae; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; }
    text { fill: #e6edf3; }
    .grid { stroke: #30363d; }
    .axis { stroke: #8b949e; }
    .curve { stroke: #79c0ff; }
    .dot { fill: #79c0ff; }
  }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A value for each count; `unit` stands at its axis, which begins at 0."""

    title: str
    unit: str
    values: Sequence[float]


def render_svg(counts: Sequence[int], count_unit: str, panels: Sequence[Panel]) -> str:
    """The panels over the same counts, which are two or more, in ascending order."""
    height = _HEIGHT * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' aria-label="{escape("; ".join(panel.title for panel in panels))}">',
        f"<style>{_STYLE}</style>",
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate(0 {number * _HEIGHT})">')
        parts += _panel(counts, count_unit, panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def ticks(highest: float) -> list[float]:
    """Round numbers from 0 up to the first at or above `highest`: three to six of them.

    >>> ticks(730)
    [0.0, 200.0, 400.0, 600.0, 800.0]
    """
    magnitude = 1.0
    while magnitude * 10 <= highest:
        magnitude *= 10
    while magnitude > highest:
        magnitude /= 10
    step = (
        next(step for step in (0.2, 0.25, 0.5, 1.0, 2.0, 2.5) if step * magnitude * 5 >= highest) * magnitude
    )
    count = 1
    while count * step < highest:
        count += 1
    return [number * step for number in range(count + 1)]


def _panel(counts: Sequence[int], count_unit: str, panel: Panel) -> list[str]:
    marks = ticks(max(panel.values))
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(count: float) -> float:
        return round(_LEFT + (right - _LEFT) * count / counts[-1], 1)

    def y(value: float) -> float:
        return round(bottom - (bottom - _TOP) * value / marks[-1], 1)

    parts = [f'<text class="title" x="{_LEFT}" y="18">{escape(panel.title)}, {escape(panel.unit)}</text>']
    for mark in marks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y(mark)}" y2="{y(mark)}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y(mark) + 4}" text-anchor="end">{mark:,g}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    for count in ticks(counts[-1]):
        if count <= counts[-1]:
            parts.append(f'<text x="{x(count)}" y="{bottom + 18}" text-anchor="middle">{count:,.0f}</text>')
    parts.append(f'<text x="{right}" y="{bottom + 36}" text-anchor="end">{escape(count_unit)}</text>')
    points = [(x(count), y(value)) for count, value in zip(counts, panel.values, strict=True)]
    parts.append(f'<polyline class="curve" points="{" ".join(f"{a},{b}" for a, b in points)}"/>')
    parts += [f'<circle class="dot" cx="{a}" cy="{b}" r="3.5"/>' for a, b in points]
    return parts
