"""How long an operator waits for the first row, from the start of the workload's process, and why.

    python -m benchmarks.first_row [--runtime tensorflow openvino] [--pixels N] [--rounds N] [--format json]

The program of the image runs as an operator runs it: see `launched`. What it says its time is made of is
shown step by step; steps overlap. TensorFlow's own import and its loading of the same model, each round in a
process that does nothing else, are the bound that it is held against: its import as it comes, with Keras.
Beside it stands the import without, as the workload does it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from contract.results import JobTimings

from .launched import published
from .models import ARCHIVE, SAVED_MODEL, make_saved_model
from .photos import make_photos
from .processes import clean_environment
from .work import ModelFacts, Work

_TENSORFLOW_ALONE = """
import os, sys, time
if sys.argv[2:]: os.environ["TF_USE_LEGACY_KERAS"] = "1"
began = time.perf_counter()
import tensorflow
imported = time.perf_counter()
tensorflow.saved_model.load(sys.argv[1])
print(imported - began, time.perf_counter() - imported)
"""
_PHOTOS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRow:
    """Medians, in seconds since the process was started; `steps` are beginnings and ends."""

    first_row_s: float
    whole_s: float
    steps: dict[str, tuple[float, float]]
    model_bytes: int
    import_s: float | None = None
    import_without_keras_s: float | None = None
    load_s: float | None = None


def measure(runtimes: Sequence[str], *, pixels: int, rounds: int) -> dict[str, FirstRow]:
    """Each runtime's first row; the rounds take turns."""
    model = make_saved_model(pixels)
    facts = ModelFacts(folder=str(model / SAVED_MODEL), pixels=pixels)
    photos = make_photos("small", count=_PHOTOS)
    works = {name: Work(model=facts, folder=str(photos), runtime=name) for name in runtimes}
    said: dict[str, list[JobTimings]] = {name: [] for name in runtimes}
    alone: list[tuple[float, float, float]] = []
    with published(works, archive=model / ARCHIVE, photos=photos) as launches:
        for number in range(rounds + 1):
            if "tensorflow" in works:
                import_s, load_s = tensorflow_alone(model / SAVED_MODEL)
                without_keras_s, _ = tensorflow_alone(model / SAVED_MODEL, keras=False)
                alone.append((import_s, without_keras_s, load_s))
            for name in runtimes:
                said[name].append(launches.run(name, number))
    found = {}
    for name, lines in said.items():
        bound = alone[1:] if name == "tensorflow" else []
        found[name] = _summed_up(lines[1:], bound, (model / ARCHIVE).stat().st_size)
    return found


def tensorflow_alone(saved_model: Path, *, keras: bool = True) -> tuple[float, float]:
    """Seconds of TensorFlow's import, and of its loading the model, in a process of their own."""
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [sys.executable, "-c", _TENSORFLOW_ALONE, str(saved_model), *([] if keras else ["without"])],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=elsewhere,
            env=clean_environment({}),
        )
    import_s, load_s = map(float, done.stdout.split())
    return import_s, load_s


def _summed_up(
    lines: Sequence[JobTimings], alone: Sequence[tuple[float, float, float]], model_bytes: int
) -> FirstRow:
    every = [line.steps for line in lines]
    return FirstRow(
        first_row_s=statistics.median(line.moments["first_row"] for line in lines),
        whole_s=statistics.median(line.whole_s for line in lines),
        steps={
            step: (
                statistics.median(steps[step][0] for steps in every),
                statistics.median(steps[step][1] or 0.0 for steps in every),
            )
            for step in every[0]
        },
        model_bytes=model_bytes,
        import_s=statistics.median(import_s for import_s, _, _ in alone) if alone else None,
        import_without_keras_s=statistics.median(import_s for _, import_s, _ in alone) if alone else None,
        load_s=statistics.median(load_s for _, _, load_s in alone) if alone else None,
    )


def render(name: str, found: FirstRow) -> str:
    """The report for people."""
    lines = [
        f"{name}: first row after {found.first_row_s:.2f} s, all {_PHOTOS} after {found.whole_s:.2f} s;"
        f" a model of {found.model_bytes / 1e6:.0f} MB"
    ]
    if found.import_s is not None and found.load_s is not None:
        beyond_s = found.first_row_s - found.import_s - found.load_s
        lines.append(
            f"  TensorFlow alone: import {found.import_s:.2f} s ({found.import_without_keras_s:.2f} s without"
            f" Keras), load {found.load_s:.2f} s;"
            f" the first row {beyond_s:+.2f} s beyond both"
        )
    lines += [f"  {step:12} {began:6.2f} to {ended:6.2f} s" for step, (began, ended) in found.steps.items()]
    return "\n".join(lines)


def main() -> None:
    """The figures stand on standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    both = ["tensorflow", "openvino"]
    parser.add_argument("--runtime", nargs="+", choices=both, default=both)
    parser.add_argument("--pixels", type=int, default=128, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    found = measure(arguments.runtime, pixels=arguments.pixels, rounds=arguments.rounds)
    if arguments.format == "json":
        print(json.dumps({name: asdict(each) for name, each in found.items()}))
        return
    print("\n".join(render(name, each) for name, each in found.items()))


if __name__ == "__main__":
    main()
