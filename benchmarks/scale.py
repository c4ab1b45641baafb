"""Whether more pictures cost more memory, or more time each: 1,000 to 20,000 of them.

    python -m benchmarks.scale [--counts N,N,…] [--runtime NAME] [--svg FILE] [--format json]

The photos of kind `small`, under other names as often as needed, over files: each count in a process of its
own, which is loaded and warm before it begins. The smallest count is run again between the others, and its
median counts, so that the machine's other work does not pass for ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .comparing import Comparison, model_of
from .photos import make_photos
from .plotting import Panel, render_svg
from .processes import contestant
from .work import Work

COUNTS = (1_000, 2_000, 5_000, 10_000, 20_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """For each count: pictures a second, and the most memory that the process had, in bytes."""

    counts: list[int]
    per_second: list[float]
    peak_bytes: list[int]

    @property
    def kept_speed(self) -> float:
        """Of the smallest count's speed, what the largest has."""
        return self.per_second[-1] / self.per_second[0]

    @property
    def memory_growth(self) -> float:
        """The largest count's memory beside the smallest's."""
        return self.peak_bytes[-1] / self.peak_bytes[0]


def measure(counts: Sequence[int], *, runtime: str, pixels: int) -> Scale:
    """The counts, ascending."""
    comparison = Comparison(runtime=runtime, pixels=pixels)
    originals = sorted(make_photos("small").iterdir())
    found: dict[int, list[tuple[float, int]]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory(prefix="symbolon-benchmark-") as scratch:
        work = Work(model=model_of(comparison), folder="", runtime=runtime)
        for count in _in_turn(counts):
            folder = Path(scratch, str(count))
            if not folder.exists():
                _name_again(originals, count, folder)
            found[count].append(_once(replace(work, folder=str(folder)), count, Path(scratch)))
    return Scale(
        counts=list(counts),
        per_second=[statistics.median(rate for rate, _ in found[count]) for count in counts],
        peak_bytes=[round(statistics.median(peak for _, peak in found[count])) for count in counts],
    )


def _in_turn(counts: Sequence[int]) -> list[int]:
    """The smallest, which is over soon, before and after each; the largest twice."""
    smallest, *others = counts
    return [smallest, *(each for count in (*others, *others[-1:]) for each in (count, smallest))]


def _name_again(originals: Sequence[Path], count: int, folder: Path) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06}.jpg").symlink_to(originals[number % len(originals)])


def _once(work: Work, count: int, scratch: Path) -> tuple[float, int]:
    with contestant("ours", work, scratch, {}) as ours:
        done = ours.ask(do="pass", photos=count, repeat=1)
        return done["images"] / done["seconds"], ours.ask(do="end")["peak_bytes"]


def draw(found: Scale) -> str:
    """Both curves, as SVG."""
    return render_svg(
        found.counts,
        "pictures in the job",
        [
            Panel(title="Throughput", unit="pictures/s", values=found.per_second),
            Panel(title="Peak memory", unit="MiB", values=[peak / (1 << 20) for peak in found.peak_bytes]),
        ],
    )


def main() -> None:
    """The figures stand on standard output, and the drawing in the file named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), metavar="N,N")
    parser.add_argument("--runtime", choices=["tensorflow", "openvino"], default="tensorflow")
    parser.add_argument("--pixels", type=int, default=128, metavar="N")
    parser.add_argument("--svg", type=Path, metavar="FILE")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    counts = sorted(int(count) for count in arguments.counts.split(","))
    found = measure(counts, runtime=arguments.runtime, pixels=arguments.pixels)
    if arguments.svg is not None:
        arguments.svg.write_text(draw(found))
    if arguments.format == "json":
        print(json.dumps(asdict(found)))
        return
    for count, rate, peak in zip(found.counts, found.per_second, found.peak_bytes, strict=True):
        print(f"{count:>8,} pictures  {rate:8.1f}/s  {peak / (1 << 20):8.0f} MiB")
    print(f"of the speed {found.kept_speed:.2f} is kept; memory is {found.memory_growth:.2f} times as much")


if __name__ == "__main__":
    main()
