"""How fast a broker's log grows, and how long a proof takes once it is large.

    python -m benchmarks.release_log [--entries N]

Entries of the size of a release's are appended to SQLite on a disk, a thousand in a transaction, up to a
million. *Beside* are the same rows written by plain SQL without a tree, in the same run. Then an inclusion
proof is made of each of a thousand places spread over the log, in a transaction of its own, and verified.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, insert

from attestation.errors import ExitCode
from contract.merkle import leaf_digest, root_by_proof
from release.log.appending import append
from release.log.proving import prove_inclusion, root_at
from release.store import schema
from release.store.engine import open_engine, reading, writing
from release.store.migrating import migrate

ENTRIES = 1_000_000
LEAST_A_SECOND = 2_000
MOST_PROOF_S = 0.01
_ENTRY_BYTES, _AT_ONCE, _PROOFS, _BESIDE = 1_200, 1_000, 1_000, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Entries appended a second, and plain rows; median and 99th percentile of a proof, in seconds."""

    entries: int
    a_second: float
    rows_a_second: float
    proof_s: float
    proof_p99_s: float


def measure(entries: int) -> Found:
    """A log of so many entries, and proofs from it."""
    with tempfile.TemporaryDirectory(prefix="symbolon-benchmark-") as folder:
        beside = _opened(Path(folder) / "beside.db")
        rows_a_second = _rate(beside, min(_BESIDE, entries), _insert)
        engine = _opened(Path(folder) / "log.db")
        a_second = _rate(engine, entries, lambda connection, number: append(connection, _leaf(number)))
        taken = _prove(engine, entries)
        for each in (beside, engine):
            each.dispose()
    return Found(
        entries=entries,
        a_second=a_second,
        rows_a_second=rows_a_second,
        proof_s=statistics.median(taken),
        proof_p99_s=statistics.quantiles(taken, n=100)[-1],
    )


def _opened(file: Path) -> Engine:
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    return engine


_NOISE = os.urandom(_ENTRY_BYTES)


def _leaf(number: int) -> bytes:
    return number.to_bytes(8, "big") + _NOISE[8:]


def _insert(connection: Connection, number: int) -> object:
    return connection.execute(insert(schema.log_entries), {"position": number, "leaf": _leaf(number)})


def _rate(engine: Engine, count: int, write: Callable[[Connection, int], object]) -> float:
    began = time.monotonic()
    for first in range(0, count, _AT_ONCE):
        with writing(engine) as connection:
            for number in range(first, min(first + _AT_ONCE, count)):
                write(connection, number)
    return count / (time.monotonic() - began)


def _prove(engine: Engine, entries: int) -> list[float]:
    with reading(engine) as connection:
        root = root_at(connection, entries)
    taken = []
    for number in range(_PROOFS):
        index = number * entries // _PROOFS
        began = time.perf_counter()
        with reading(engine) as connection:
            proof = prove_inclusion(connection, index, entries)
        taken.append(time.perf_counter() - began)
        if root_by_proof(leaf_digest(_leaf(index)), index=index, size=entries, proof=proof) != root:
            raise SystemExit(f"the proof of entry {index} leads to another root")
    return taken


def render(found: Found) -> str:
    """The report for people: each figure with its bound."""
    return (
        f"append   {found.a_second:8,.0f} entries/s, at least {LEAST_A_SECOND:,}"
        f" ({found.a_second / found.rows_a_second:.2f} of plain rows)\n"
        f"proof    {found.proof_s * 1000:8.2f} ms among {found.entries:,} ({found.proof_p99_s * 1000:.2f} ms"
        f" p99), at most {MOST_PROOF_S * 1000:.0f} ms"
    )


def main() -> int:
    """The figures stand on standard output; the exit code is 3 where one is beyond its bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=ENTRIES, metavar="N")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    found = measure(arguments.entries)
    print(json.dumps(asdict(found)) if arguments.format == "json" else render(found))
    enough = found.a_second >= LEAST_A_SECOND and found.proof_p99_s <= MOST_PROOF_S
    return ExitCode.YES if enough else ExitCode.ANSWERED_NO


if __name__ == "__main__":
    raise SystemExit(main())
