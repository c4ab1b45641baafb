"""A process that is told to end ends, though its main thread may hear nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_BEGIN = """
import sys, threading, time
from pathlib import Path
from workload import scratch, stopping
stopping.UNWINDS_WITHIN_S = float(sys.argv[1])
stopping.hear_signals()
"""
UNWINDS = """
try:
    print("ready", flush=True)
    for _ in range(600):  # a signal just before one sleep ends the next one
        time.sleep(0.1)
except KeyboardInterrupt:
    time.sleep(0.2)  # a second signal does not disturb it
    print("unwound", flush=True)
"""
HANGS = """
with scratch.scratch_folder() as folder:
    (folder / "model").write_text("of the owner")
    said = False
    while True:
        try:
            if not said:
                said = True
                print(folder, flush=True)
            time.sleep(60)  # as a library would that catches everything
        except BaseException:
            pass
"""


def started(then: str, *, within_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _BEGIN + then, str(within_s)]
    return subprocess.Popen(command, cwd=ROOT, stdout=-1, stderr=-1, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_can_unwind_does_so_once(number: signal.Signals) -> None:
    with started(UNWINDS, within_s=60.0) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("unwound\n", "")
    assert process.returncode == 0


def test_who_cannot_is_ended_and_leaves_nothing_on_scratch() -> None:
    with started(HANGS, within_s=0.1) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.is_dir()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "did not end by itself after it was stopped" in output
    assert errors == ""
    assert not folder.exists()
