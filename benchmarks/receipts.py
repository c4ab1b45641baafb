"""How long it takes to verify a receipt with all its results, beside plainly hashing the same objects.

    python -m benchmarks.receipts [--rows N] [--format json]

The receipt is of a job of 100,000 pictures, sealed by keys of our own; its results lie in a local folder.
Each round is a process of its own on one core, whose processor time counts: it verifies as
`auditor receipt verify --results` does, and then hashes every result object with SHA-256, nothing else. The
ratio is of the two in one process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from symbolon.auditor.receipt_plan import Demand, Verified, verify_receipt
from symbolon.auditor.receipt_roots import Trust
from symbolon.result_folders import open_result_folder
from tests.receipts import IMAGE, NOW, Draft, results_of, root, statement_of

from .figures import spread

ROUNDS = 5
ROWS = 100_000


def write_job(folder: Path, rows: int) -> int:
    """The folder holds the results of so many pictures, and their receipt; the bytes of the results."""
    results = results_of(rows)
    for name, data in results.items():
        (folder / name).write_bytes(data)
    receipt = Draft(results=results, statement=statement_of(results, rows)).make()
    (folder / "receipt.json").write_bytes(receipt)
    return sum(map(len, results.values()))


def verify(folder: Path) -> dict[str, float]:
    """One round, in this process: seconds of its processor time, and the most memory that it had."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    began = time.process_time()
    demand = Demand(
        trust=Trust(root=root(), described="ours"),
        at=NOW,
        image_digest=IMAGE,
        results=open_result_folder(str(folder)),
    )
    prepared = time.process_time()
    verdict = verify_receipt((folder / "receipt.json").read_bytes(), demand)
    verified = time.process_time()
    if not isinstance(verdict.answer, Verified):
        raise SystemExit(f"the receipt is not verified: {verdict.answer.why.message}")
    for path in folder.iterdir():
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
    hashed = time.process_time()
    return {
        "verified_s": verified - prepared,
        "hashed_s": hashed - verified,
        "prepared_s": prepared - began,
        "peak_mib": _peak_bytes() / (1 << 20),
    }


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def measure(rows: int) -> dict[str, object]:
    """Medians and ends of `ROUNDS` rounds."""
    with tempfile.TemporaryDirectory(prefix="symbolon-benchmark-") as name:
        size = write_job(Path(name), rows)
        command = [sys.executable, "-m", "benchmarks.receipts", "--round", name]
        rounds = [json.loads(subprocess.check_output(command)) for _ in range(ROUNDS)]
    ratios = [each["verified_s"] / each["hashed_s"] for each in rounds]
    measured = {"verified_s": [each["verified_s"] for each in rounds], "verified / hashed": ratios}
    measured["peak_mib"] = [each["peak_mib"] for each in rounds]
    shown = {name: spread(values) for name, values in measured.items()}
    return {
        "rows": rows,
        "result_mib": round(size / (1 << 20), 1),
        **{name: [round(of, 2) for of in (s.median, s.lowest, s.highest)] for name, s in shown.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--round", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    if arguments.round:
        print(json.dumps(verify(arguments.round)))
        return
    measured = measure(arguments.rows)
    if arguments.format == "json":
        print(json.dumps(measured))
        return
    for name, value in measured.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
