"""How long a person waits for the command, and the story for the emulator, beside a bare interpreter.

    python -m benchmarks.startup [--format json]

Every round measures all contestants one after the other; medians of the rounds are shown, in
milliseconds of wall time, and each one's ratio to `python -c pass`, round by round. What importing
the room of policies takes is the median of milliseconds of CPU time in fresh interpreters, its
modules compiled before, as an installer compiles them; the target is 30 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from emulator import running

ROUNDS = 9
IMPORTS = 21
PEER = "python -c pass"
ROOM = "import of policy"
LIMIT_MS = 30
_IMPORT = (
    "import time; began = time.process_time(); import policy.explaining; print(time.process_time() - began)"
)
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


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


def _import_ms(environment: Mapping[str, str]) -> float:
    command = [sys.executable, "-c", _IMPORT]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(done.stdout) * 1000


def imported_ms() -> float:
    """Median milliseconds of CPU time that importing the room takes, compiled and without z3."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if name != _NO_BYTECODE}
        environment["PYTHONPYCACHEPREFIX"] = folder
        _import_ms(environment)
        return statistics.median(_import_ms(environment) for _ in range(IMPORTS))


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
    measured, import_ms = measure(), imported_ms()
    if arguments.format == "json":
        print(json.dumps({**measured, ROOM: {"cpu_ms": import_ms}}))
        return
    for name, figures in measured.items():
        print(f"{name:24} {figures['ms']:>8.0f} ms {figures['ratio']:>8.1f} x")
    print(f"{ROOM:24} {import_ms:>8.1f} ms of CPU   at most {LIMIT_MS}")


if __name__ == "__main__":
    main()
