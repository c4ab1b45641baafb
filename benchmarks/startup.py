"""How long a person waits for the command, and the story for the emulator, beside a bare interpreter.

    python -m benchmarks.startup [--format json]

Every round measures all contestants one after the other; medians of the rounds are shown, in
milliseconds of wall time, and each one's ratio to `python -c pass`, round by round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from emulator import running

ROUNDS = 9
PEER = "python -c pass"


def _command(*arguments: str) -> Callable[[], None]:
    def run() -> None:
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    return run


def _emulator() -> None:
    """From nothing to ready, keys and certificates included, and down again."""
    with tempfile.TemporaryDirectory() as folder:
        running.start(Path(folder)).stop()


CONTESTANTS: dict[str, Callable[[], None]] = {
    PEER: _command("-c", "pass"),
    "symbolon --help": _command("-m", "symbolon", "--help"),
    "emulator up and down": _emulator,
}


def measure() -> dict[str, dict[str, float]]:
    """Contestant -> median milliseconds, and median ratio to the peer."""
    rounds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(ROUNDS):
        for name, run in CONTESTANTS.items():
            began = time.perf_counter()
            run()
            rounds[name].append((time.perf_counter() - began) * 1000)
    peer = rounds[PEER]
    return {
        name: {
            "ms": statistics.median(spent),
            "ratio": statistics.median(mine / its for mine, its in zip(spent, peer, strict=True)),
        }
        for name, spent in rounds.items()
    }


def main() -> None:
    """The figures stand on standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    measured = measure()
    if arguments.format == "json":
        print(json.dumps(measured))
        return
    for name, figures in measured.items():
        print(f"{name:24} {figures['ms']:>8.0f} ms {figures['ratio']:>8.1f} x")


if __name__ == "__main__":
    main()
