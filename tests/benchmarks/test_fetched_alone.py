"""What one process takes beside a model is counted at its most, and not at its end."""

from __future__ import annotations

import subprocess
import sys

from deploy.image import SOURCE

MEASURED = """
from benchmarks.fetched_alone import peak_beside_mib
print(peak_beside_mib(lambda: (b"x" * (80 << 20)).count(b"y")), peak_beside_mib(lambda: None))
"""


def test_memory_that_is_given_back_before_the_end_counts() -> None:
    """In a process of its own: what other tests left in this one would be used again, and would not count."""
    said = subprocess.run(
        [sys.executable, "-c", MEASURED], cwd=SOURCE, check=True, capture_output=True, text=True
    ).stdout
    most, nothing = map(float, said.split())
    assert most > 70
    assert nothing < 20
