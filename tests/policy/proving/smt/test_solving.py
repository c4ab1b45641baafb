"""A dialogue with the solver: what it was told stays told, whatever becomes of its process."""

from __future__ import annotations

import time

from policy.proving.smt.circuit import Circuit
from policy.proving.smt.solver import Solver
from policy.proving.smt.solving import Dialogue, Impossible, Problem


def test_two_dialogues_with_one_solver_do_not_answer_for_each_other() -> None:
    circuit = Circuit()
    one, other = circuit.variable("one"), circuit.variable("other")

    def problem(goal: int) -> Problem:
        return Problem(circuit=circuit, goal=goal, always=(), assumptions={})

    with Solver() as solver:
        first, second = (Dialogue(solver, problem(goal), until=time.monotonic() + 10) for goal in (one, -one))
        assert not isinstance(first.solve(), Impossible)
        assert not isinstance(second.solve(), Impossible)
        assert first.possible(-one) is None
        assert second.possible(one) is None
        assert second.possible(other) is not None


def test_a_solver_that_was_killed_on_the_way_is_told_the_problem_again() -> None:
    circuit = Circuit()
    one, other = circuit.variable("one"), circuit.variable("other")
    problem = Problem(
        circuit=circuit,
        goal=circuit.either(one, other),
        always=(-one,),
        assumptions={"first": one, "second": -other},
    )
    with Solver() as solver:
        dialogue = Dialogue(solver, problem, until=time.monotonic() + 10)
        assert dialogue.solve() == Impossible({"first"})
        solver.close()  # as when a question takes too long
        assert dialogue.refuse(frozenset({"first"})) == Impossible({"second"})
        solver.close()
        model = dialogue.refuse(frozenset({"second"}))
        assert not isinstance(model, Impossible)
        assert model.holds(other, default=False)
        solver.close()
        assert dialogue.possible(one) is None
        assert dialogue.possible(other) is not None
