"""Formulas mean what the evaluator says: of true, false and error, for random conditions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from policy.cel.condition import Condition, compile_condition
from policy.proving.smt import tokens
from policy.proving.smt.circuit import TRUE, TooLarge
from policy.proving.smt.encoding import Encoder
from policy.proving.smt.questions import Case, Question, case_of, read
from policy.proving.smt.solver import Solver, SolverGaveUp
from policy.proving.smt.solving import Dialogue, Impossible
from policy.proving.smt.values import Unsupported

# Facts tie claims together, which takes longer: most conditions are asked without them.
CONDITIONS = {False: 1_700, True: 300}
TOKENS = 10


@pytest.fixture
def solver() -> Iterator[Solver]:
    with Solver() as solver:
        yield solver


def outcome(condition: Condition, case: Case) -> str:
    results = condition.evaluate(case.assertion, case.google, case.attribute)[0]
    if any(result is False for result in results):
        return "false"
    return "true" if all(result is True for result in results) else "error"


class Asked:
    """One condition, encoded once, and asked for each of its outcomes."""

    def __init__(self, condition: Condition, solver: Solver, *, assume_facts: bool) -> None:
        self.literals: dict[str, int] = {}
        trees = tuple(clause.node for clause in condition.clauses)

        def formula(encoder: Encoder) -> int:
            true = encoder.circuit.all_of([encoder.truth(tree) for tree in trees])
            false = encoder.circuit.any_of([encoder.falsity(tree) for tree in trees])
            error = encoder.circuit.both(-true, -false)
            self.literals = {"true": true, "false": false, "error": error}
            return TRUE

        question = Question(formula=formula, holds=lambda _: True, trees=trees, assume_facts=assume_facts)
        until = time.monotonic() + 10  # a machine may be slow, and no answer depends on that
        self.reading = read(question, until=until)
        self.dialogue = Dialogue(solver, self.reading.problem, until=until)
        assert not isinstance(self.dialogue.solve(), Impossible)

    def case(self, wanted: str) -> Case | None:
        """A case with this outcome, as the solver thinks, or None where it says that there is none."""
        model = self.dialogue.possible(self.literals[wanted])
        return None if model is None else case_of(self.reading, model, tokens.SAMPLE)


@pytest.mark.parametrize("assume_facts", [False, True])
def test_every_model_of_an_outcome_is_confirmed_by_the_evaluator(
    policies: Any, solver: Solver, assume_facts: bool
) -> None:
    counted: Counter[str] = Counter()
    for _ in range(CONDITIONS[assume_facts]):
        text = policies.condition()
        condition = compile_condition(text)
        try:
            asked = Asked(condition, solver, assume_facts=assume_facts)
            cases = {wanted: asked.case(wanted) for wanted in asked.literals}
        except (Unsupported, SolverGaveUp, TooLarge):
            counted["undecided"] += 1
            continue
        for wanted, case in cases.items():
            if case is not None:
                assert tokens.fits(case.assertion) or not assume_facts, text
                assert outcome(condition, case) == wanted, (text, case)
                counted["confirmed"] += 1
        _assert_survives(
            policies, condition, [wanted for wanted, case in cases.items() if case is None], assume_facts
        )
    assert counted["undecided"] <= CONDITIONS[assume_facts] * 0.02
    assert counted["confirmed"] >= CONDITIONS[assume_facts] * 1.5


def _assert_survives(policies: Any, condition: Condition, impossible: list[str], assume_facts: bool) -> None:
    """No random token has an outcome that was proved to be impossible."""
    if not impossible:
        return
    for _ in range(TOKENS):
        token = policies.token()
        google, attribute = policies.roots()
        if assume_facts and not tokens.fits(token):
            continue
        if max(map(len, _lists(token)), default=0) <= 6 and len(attribute) <= 4:
            case = Case(assertion=token, google=google, attribute=attribute)
            assert outcome(condition, case) not in impossible, (condition.text, case)


def _lists(value: object) -> Iterator[list[object]]:
    if isinstance(value, list):
        yield value
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _lists(each)
