"""How long a person waits for the review of a five-clause condition, start-up of the command included.

    python -m benchmarks.review [--format json]

Each round starts the command anew, once for every contestant; medians of the rounds in milliseconds of
wall time, on one core where the system can be told so, and in brackets of that core's time, the solver's
included: what the wall time would be if nothing else ran. Modules are compiled before, as an installer
compiles them. The target for the review is 500 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from .decision import CONDITION

ROUNDS = 9
DIGESTS = 40
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def _forty(last: str) -> str:
    digests = [f'"sha256:{number:064x}"' for number in range(DIGESTS - 1)]
    return f'assertion.submods.container.image_digest in [{", ".join(digests)}, "{last}"]'


def measure() -> dict[str, dict[str, float]]:
    """Contestant -> median milliseconds, of wall time and of CPU time."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the command inherits it
    with tempfile.TemporaryDirectory() as folder:
        policy, old, new = (str(Path(folder) / name) for name in ("five.cel", "old.cel", "new.cel"))
        Path(policy).write_text(CONDITION)
        Path(old).write_text(_forty("sha256:" + "a" * 64))
        Path(new).write_text(_forty("sha256:" + "b" * 64))
        contestants = {
            "review of five clauses": ["auditor", "review", policy, "--format", "json"],
            "review of five clauses, for people": ["auditor", "review", policy],
            "lint of five clauses": ["owner", "policy", "lint", policy, "--format", "json"],
            "diff of forty digests": ["auditor", "diff", old, new, "--format", "json"],
            "symbolon --version": ["--version"],
        }
        environment = {name: value for name, value in os.environ.items() if name != _NO_BYTECODE}
        environment["PYTHONPYCACHEPREFIX"] = folder
        for arguments in contestants.values():
            _milliseconds(arguments, environment)
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        for _ in range(ROUNDS):
            for name, arguments in contestants.items():
                rounds[name].append(_milliseconds(arguments, environment))
    return {
        name: {
            "wall_ms": statistics.median(wall for wall, _ in spent),
            "cpu_ms": statistics.median(cpu for _, cpu in spent),
        }
        for name, spent in rounds.items()
    }


def _milliseconds(arguments: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    command = [sys.executable, "-m", "symbolon", *arguments]
    began, cpu_before = time.perf_counter(), _cpu_s()
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=environment)
    wall, cpu = time.perf_counter() - began, _cpu_s() - cpu_before
    if done.returncode not in (0, 3):  # yes and no; undecided would be no measure of an answer
        raise AssertionError(f"{arguments} exits with {done.returncode}")
    return wall * 1000, cpu * 1000


def _cpu_s() -> float:
    """Of all processes that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """The figures stand on standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    measured = measure()
    if arguments.format == "json":
        print(json.dumps(measured))
        return
    for name, spent in measured.items():
        print(f"{name:36} {spent['wall_ms']:>8.0f} ms ({spent['cpu_ms']:.0f} ms)")


if __name__ == "__main__":
    main()
