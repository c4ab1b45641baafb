"""What the room promises to those who only import it."""

from __future__ import annotations

import subprocess
import sys

STARTED = """
import sys, time
started = time.perf_counter()
import policy.explaining, policy.policy_file
print(time.perf_counter() - started)
print(sorted(set(sys.modules) & {"z3", "cryptography", "google", "tensorflow", "hypothesis"}))
"""


def test_importing_the_room_is_quick_and_pulls_in_nothing_heavy() -> None:
    times = []
    for _ in range(5):
        answer = subprocess.run([sys.executable, "-c", STARTED], check=True, capture_output=True, text=True)
        seconds, heavy = answer.stdout.splitlines()
        times.append(float(seconds))
        assert heavy == "[]"
    assert min(times) < 0.15  # the benchmark holds it to 30 ms on a quiet machine
