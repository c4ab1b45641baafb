"""How long a question about a policy takes, once the solver has started.

    python -m benchmarks.proving [--format json]

Medians of the rounds, in milliseconds of wall time, on one core. Nothing is remembered from round to
round but what any run remembers: each round asks about another digest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

from policy.proving.answers import Found, NoneFound, Refuted
from policy.proving.differing import diff
from policy.proving.generating_tests import generate
from policy.proving.prover import Prover

ROUNDS = 21
LIMITS_MS = {"proved": 50.0, "counterexample": 50.0, "forty digests, one added": 500.0}
CONTAINER = "assertion.submods.container"
NOT_DEBUG = 'assertion.dbgstat == "disabled-since-boot"'


def _policy(number: int) -> str:
    return (
        'assertion.swname == "CONFIDENTIAL_SPACE"'
        ' && "STABLE" in assertion.submods.confidential_space.support_attributes'
        f' && {CONTAINER}.image_digest == "sha256:{number:064x}"'
        ' && assertion.submods.gce.project_id == "operator"'
        ' && "workload@operator.iam.gserviceaccount.com" in assertion.google_service_accounts'
    )


def _digests(first: int, count: int) -> str:
    listed = ", ".join(f'"sha256:{number:064x}"' for number in range(first, first + count))
    return f"{CONTAINER}.image_digest in [{listed}] && {NOT_DEBUG}"


def _proved(prover: Prover, number: int) -> None:
    if not isinstance(prover.find_admitted(_policy(number), f"!({NOT_DEBUG})"), NoneFound):
        raise SystemExit("not proved")


def _refuted(prover: Prover, number: int) -> None:
    if not isinstance(prover.prove(_policy(number), 'assertion.hwmodel != "GCP_SHIELDED_VM"'), Refuted):
        raise SystemExit("not refuted")


def _diffed(prover: Prover, number: int) -> None:
    if diff(_digests(number * 100, 40), _digests(number * 100, 41), prover).verdict != "looser":
        raise SystemExit("not looser")


def _generated(prover: Prover, number: int) -> None:
    if not isinstance(generate(_policy(number), prover).admitted, Found):
        raise SystemExit("nobody is admitted")


def _started(_prover: Prover, number: int) -> None:
    with Prover() as fresh:
        _proved(fresh, number)


CONTESTANTS: dict[str, Callable[[Prover, int], None]] = {
    "proved": _proved,
    "counterexample": _refuted,
    "forty digests, one added": _diffed,
    "a token for every clause": _generated,
    "proved, with a solver that starts": _started,
}


def measure() -> dict[str, float]:
    """Contestant -> median milliseconds."""
    rounds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    with Prover() as prover:
        for number in range(ROUNDS + 1):
            for name, run in CONTESTANTS.items():
                began = time.perf_counter()
                run(prover, number)
                if number:  # the first round compiles what every process compiles once
                    rounds[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(each) for name, each in rounds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--format", choices=("human", "json"), default="human")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    medians = measure()
    if arguments.format == "json":
        print(json.dumps(medians))
        return
    for name, median in medians.items():
        limit = f"   at most {LIMITS_MS[name]:.0f}" if name in LIMITS_MS else ""
        print(f"{name:36} {median:8.1f} ms{limit}")


if __name__ == "__main__":
    main()
