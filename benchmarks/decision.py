"""How fast a condition is decided, and decided with its trace, beside Google's own runtime.

    python -m benchmarks.decision [--format json]

One core. Every round measures all contestants one after the other, so that whatever else the machine
does slows them alike; the medians of the rounds are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

from cel_expr_python import cel

from policy.explaining import compile_condition, decide, explain
from tests.tokens import production_claims

ROUNDS = 15
EVALUATIONS = 4_000

CONDITION = (
    'assertion.swname == "CONFIDENTIAL_SPACE"'
    ' && "STABLE" in assertion.submods.confidential_space.support_attributes'
    ' && assertion.dbgstat == "disabled-since-boot"'
    f' && assertion.submods.container.image_digest == "sha256:{"a" * 64}"'
    ' && "workload-sa@secundus.iam.gserviceaccount.com" in assertion.google_service_accounts'
)
TOKEN = production_claims(aud="https://sts.googleapis.com")
for _unused in ("env_override", "image_signatures"):  # as in a workload without overrides, not signed
    del TOKEN["submods"]["container"][_unused]
TOKEN["submods"]["container"]["env"] = {"PATH": "/usr/bin"}
del TOKEN["submods"]["nvidia_gpu"]


def contestants() -> dict[str, Callable[[], object]]:
    """What is measured, by name; each call is one evaluation of the same condition on the same token."""
    condition = compile_condition(CONDITION)
    environment = cel.NewEnv(variables={"assertion": cel.Type.DYN})
    expression = environment.compile(CONDITION)

    def traced() -> list[object]:
        """The trace with every clause's outcome and claims; words are made when they are read."""
        return [(clause.outcome, clause.claims) for clause in explain(condition, assertion=TOKEN).clauses]

    return {
        "decided": lambda: decide(condition, assertion=TOKEN),
        "decided and traced": lambda: explain(condition, assertion=TOKEN),
        "trace read": traced,
        "cel-expr-python": lambda: expression.eval(data={"assertion": TOKEN}).value(),
    }


def per_second(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(EVALUATIONS):
        call()
    return EVALUATIONS / (time.perf_counter() - started)


def measure() -> dict[str, float]:
    """Medians of evaluations a second, and ratios to cel-expr-python."""
    calls = contestants()
    if not calls["decided"]() or not calls["cel-expr-python"]():
        raise AssertionError("the token must be admitted by both")
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            rounds[name].append(per_second(call))
    medians = {name: statistics.median(speeds) for name, speeds in rounds.items()}
    theirs = rounds["cel-expr-python"]
    ratios = {
        f"{name} / cel-expr-python": statistics.median(a / b for a, b in zip(speeds, theirs, strict=True))
        for name, speeds in rounds.items()
        if speeds is not theirs
    }
    return medians | ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    measured = measure()
    if arguments.format == "json":
        print(json.dumps({name: round(value, 2) for name, value in measured.items()}))
        return
    for name, value in measured.items():
        print(f"{name:40} {value:>12,.0f}" if value > 1000 else f"{name:40} {value:>12.2f}")


if __name__ == "__main__":
    main()
