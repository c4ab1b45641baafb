"""Every figure that is asked of inference, in one run: the table of docs/explanation/performance.md.

    python -m benchmarks.table [--row NAME …] [--keep FILE] [--svg FILE] [--rounds N] [--model NAME]

With `--keep`, what has been measured is kept in the file, row by row: whoever is interrupted goes on with
`--row`, and gets the whole table. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from . import first_row, mobilenet, release, scale, sealed_release
from .comparing import Comparison, Steady, Whole, compare_steady, compare_whole
from .figures import Agreement
from .models import NAMES, SAVED_MODEL, USUAL, make_saved_model
from .work import ModelFacts

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: what was asked for, and what was seen."""

    work: str
    command: str
    asked: str
    seen: str
    reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is the same for every row."""

    rounds: int
    svg: Path | None
    model: str = USUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyRow:
    """Once loaded and warm: at least so many times the peer, and so much of the bound."""

    work: str
    comparison: Comparison
    options: str
    times: float
    share: float | None = None
    kept: float | None = None

    def measure(self, options: Options) -> list[Line]:
        found = compare_steady(_with_rounds(self.comparison, options))
        asked, seen = [f"{self.times:g} times"], [_beside(found, self.comparison)]
        reached = found.ratio.median >= self.times
        if self.share is not None:
            asked.append(f"{self.share:.0%} of the bound")
            reached &= found.share.median >= self.share
        if self.kept is not None and found.kept_with_latency is not None:
            asked.append(f"{self.kept:.0%} of our own without latency")
            seen.append(f"{found.kept_with_latency.median:.0%} of our own without latency")
            reached &= found.kept_with_latency.median >= self.kept
        seen += [
            f"{found.share.median:.0%} of the bound of {found.bound.median:,.0f}/s",
            _agreed(found.agreement),
        ]
        return [
            Line(
                work=self.work,
                command=f"benchmarks.inference {self.options}".strip(),
                asked=", ".join(asked),
                seen="; ".join(seen),
                reached=reached,
            )
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRow:
    """From the start of the process to its end, for so many photos: so many times faster than the peer."""

    work: str
    comparison: Comparison
    options: str
    times: dict[int, float] = field(default_factory=dict)

    def measure(self, options: Options) -> list[Line]:
        found = compare_whole(_with_rounds(self.comparison, options), list(self.times))
        return [self._line(whole) for whole in found]

    def _line(self, found: Whole) -> Line:
        times = self.times[found.pictures]
        return Line(
            work=f"{self.work}, {found.pictures} photos",
            command=f"benchmarks.inference --whole {found.pictures} {self.options}",
            asked=f"{times:g} times",
            seen=f"{found.ratio.median:.2f} times: {found.ours.median:.2f} s beside"
            f" {found.peer.median:.2f} s; {_agreed(found.agreement)}",
            reached=found.ratio.median >= times,
        )


def _first_row(options: Options) -> list[Line]:
    lines = []
    found = first_row.measure(["tensorflow", "openvino"], pixels=128, rounds=options.rounds)
    for name, each in found.items():
        limit_s, asked = 1.0, "1 s"
        if each.import_s is not None and each.load_s is not None:
            limit_s, asked = each.import_s + each.load_s + 0.5, "import + load + 0.5 s"
            asked += f" = {limit_s:.2f} s"
        lines.append(
            Line(
                work=f"time to first row, {name}, a model of {each.model_bytes / 1e6:.0f} MB in storage",
                command=f"benchmarks.first_row --runtime {name}",
                asked=f"at most {asked}",
                seen=f"{each.first_row_s:.2f} s",
                reached=each.first_row_s <= limit_s,
            )
        )
    return lines


def _scale(options: Options) -> list[Line]:
    found = scale.measure(scale.COUNTS, runtime="tensorflow", pixels=128)
    if options.svg is not None:
        options.svg.write_text(scale.draw(found))
    smallest, largest = found.counts[0], found.counts[-1]
    return [
        Line(
            work=f"{largest:,} pictures against {smallest:,}",
            command="benchmarks.scale",
            asked="memory at most 1.1 times, speed at least 0.95 times",
            seen=f"memory {found.memory_growth:.2f} times ({found.peak_bytes[0] // _MIB} to"
            f" {found.peak_bytes[-1] // _MIB} MiB), speed {found.kept_speed:.2f} times"
            f" ({found.per_second[0]:.0f}/s and {found.per_second[-1]:.0f}/s)",
            reached=found.memory_growth <= 1.1 and found.kept_speed >= 0.95,
        )
    ]


def _release(options: Options) -> list[Line]:
    found = release.measure(mib=1024, rounds=options.rounds)
    return [
        Line(
            work="release of a model of 1 GiB, verified",
            command="benchmarks.release",
            asked="0.85 of a plain download",
            seen=f"{found.ratio.median:.2f}: {found.released.median:.0f} MiB/s beside"
            f" {found.downloaded.median:.0f} MiB/s",
            reached=found.ratio.median >= 0.85,
        )
    ]


def _sealed(options: Options) -> list[Line]:
    found = sealed_release.measure(mib=1024, rounds=options.rounds)
    command = "benchmarks.sealed_release"
    return [
        Line(
            work="a sealed model of 1 GiB, fetched, opened and verified",
            command=command,
            asked="0.85 of the plain one, at most 64 MiB beside the model",
            seen=f"{found.fetch_ratio.median:.2f}: {found.fetched_sealed.median:.0f} MiB/s beside"
            f" {found.fetched_plain.median:.0f} MiB/s; {found.beside_mib.highest:.0f} MiB",
            reached=found.fetch_ratio.median >= 0.85 and found.beside_mib.highest <= 64,
        ),
        Line(
            work="a model of 1 GiB, sealed by `owner protect`",
            command=command,
            asked="0.8 of `sha256sum` on one core",
            seen=f"{found.seal_ratio.median:.2f}: {found.sealed.median:.0f} MiB/s beside"
            f" {found.hashed.median:.0f} MiB/s",
            reached=found.seal_ratio.median >= 0.8,
        ),
    ]


_OPENVINO_BF16 = "--runtime openvino --decode scaled --precision bf16"
ROWS: dict[str, Callable[[Options], list[Line]]] = {
    "small-128": SteadyRow(
        work="499 photos of ~500 px, 128 px, TensorFlow, exact",
        comparison=Comparison(),
        options="",
        times=3.3,
        share=0.93,
    ).measure,
    "small-224": SteadyRow(
        work="the same at 224 px",
        comparison=Comparison(pixels=224),
        options="--pixels 224",
        times=2.1,
        share=0.88,
    ).measure,
    "camera-exact": SteadyRow(
        work="40 photos of 12 megapixels, exact",
        comparison=Comparison(photos="camera"),
        options="--photos camera",
        times=2.2,
    ).measure,
    "camera-scaled": SteadyRow(
        work="the same, scaled",
        comparison=Comparison(photos="camera", decode="scaled"),
        options="--photos camera --decode scaled",
        times=3.3,
    ).measure,
    "progressive-exact": SteadyRow(
        work="12 progressive photos of 16 to 31 megapixels, exact",
        comparison=Comparison(photos="progressive"),
        options="--photos progressive",
        times=2.0,
    ).measure,
    "progressive-scaled": SteadyRow(
        work="the same, scaled",
        comparison=Comparison(photos="progressive", decode="scaled"),
        options="--photos progressive --decode scaled",
        times=8.0,
    ).measure,
    "whole-small": WholeRow(
        work="whole job, OpenVINO, exact, ~500 px",
        comparison=Comparison(runtime="openvino"),
        options="--runtime openvino",
        times={4: 4.0, 499: 4.3},
    ).measure,
    "whole-camera": WholeRow(
        work="whole job, OpenVINO, exact, 12 megapixels",
        comparison=Comparison(runtime="openvino", photos="camera"),
        options="--runtime openvino --photos camera",
        times={40: 3.8},
    ).measure,
    "whole-small-bf16": WholeRow(
        work="whole job, OpenVINO, scaled and bf16, ~500 px",
        comparison=Comparison(runtime="openvino", decode="scaled", precision="bf16"),
        options=_OPENVINO_BF16,
        times={4: 5.0, 499: 5.0},
    ).measure,
    "whole-camera-bf16": WholeRow(
        work="whole job, OpenVINO, scaled and bf16, 12 megapixels",
        comparison=Comparison(runtime="openvino", decode="scaled", precision="bf16", photos="camera"),
        options=f"{_OPENVINO_BF16} --photos camera",
        times={40: 5.0},
    ).measure,
    "latency-files": SteadyRow(
        work="30 ms before each read, files, OpenVINO",
        comparison=Comparison(latency_ms=30, runtime="openvino"),
        options="--storage files --latency-ms 30 --runtime openvino",
        times=15.0,
        kept=0.85,
    ).measure,
    "latency-emulated": SteadyRow(
        work="30 ms before each answer, emulated storage, OpenVINO",
        comparison=Comparison(latency_ms=30, storage="emulated", runtime="openvino"),
        options="--latency-ms 30 --runtime openvino",
        times=15.0,
        kept=0.85,
    ).measure,
    "scale": _scale,
    "first-row": _first_row,
    "release": _release,
    "sealed": _sealed,
    "ray": SteadyRow(
        work="Ray Data over 8 times the 499 photos, its actor's start included",
        comparison=Comparison(peer="ray_data", rounds=3),
        options="--peer ray --rounds 3",
        times=2.5,
    ).measure,
}


def _with_rounds(comparison: Comparison, options: Options) -> Comparison:
    comparison = replace(comparison, rounds=min(comparison.rounds, options.rounds))
    if options.model == USUAL:
        return comparison
    folder = make_saved_model(comparison.pixels, options.model) / SAVED_MODEL
    facts = ModelFacts(
        folder=str(folder),
        pixels=comparison.pixels,
        input="images",
        output="scores",
        mean=mobilenet.MEAN,
        scale=mobilenet.SCALE,
    )
    return replace(comparison, model=facts)


def _beside(found: Steady, comparison: Comparison) -> str:
    later = ""
    if comparison.peer == "ray_data":
        later = f" ({found.ratio_later.median:.2f} times once it has started)"
    return (
        f"{found.ratio.median:.2f} times: {found.ours.median:,.1f}/s beside"
        f" {found.peer.median:,.1f}/s{later}; {found.peak_bytes['ours'] // _MIB} MiB"
    )


def _agreed(same: Agreement) -> str:
    if same.same_order == same.pictures and same.largest_difference <= 1e-4:
        return f"same top 5 of all {same.pictures}, scores within {same.largest_difference:.0e}"
    return f"same top 5 of {same.same_order}, same best of {same.same_best} of {same.pictures}"


def render(measured: dict[str, list[Line]]) -> str:
    """The table in Markdown, in the order of `ROWS`."""
    lines = ["| work | command, `python -m …` | at least | seen | |", "|---|---|---|---|---|"]
    for name in ROWS:
        lines += [
            f"| {line.work} | `{line.command}` | {line.asked} | {line.seen}"
            f" | {'✓' if line.reached else 'not reached'} |"
            for line in measured.get(name, [])
        ]
    return "\n".join(lines)


def main() -> None:
    """The table stands on standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--row", nargs="+", choices=list(ROWS), metavar="NAME", help=", ".join(ROWS))
    parser.add_argument("--keep", type=Path, metavar="FILE", help="what is measured, as JSON, row by row")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="the drawing of row `scale`")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--model", choices=NAMES, default=USUAL, help="of the rows by `benchmarks.inference`")
    arguments = parser.parse_args()
    measured: dict[str, list[Line]] = {}
    if arguments.keep is not None and arguments.keep.exists():
        kept = json.loads(arguments.keep.read_text())
        measured = {name: [Line(**line) for line in lines] for name, lines in kept.items()}
    options = Options(rounds=arguments.rounds, svg=arguments.svg, model=arguments.model)
    for name in arguments.row or [name for name in ROWS if name not in measured]:
        began = time.monotonic()
        measured[name] = ROWS[name](options)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        if arguments.keep is not None:
            document = {row: [asdict(line) for line in lines] for row, lines in measured.items()}
            arguments.keep.write_text(json.dumps(document, indent=1))
    print(render(measured))


if __name__ == "__main__":
    main()
