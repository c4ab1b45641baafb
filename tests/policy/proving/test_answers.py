"""When the solver's "there is none" becomes a proof, and when it does not."""

from __future__ import annotations

import pytest

from policy.proving.answers import Found, Proved, Undecided, Unsatisfiable, conclude
from policy.proving.attacking import Attack
from policy.proving.prover import Prover
from policy.proving.smt.questions import Case, Question
from policy.proving.smt.tokens import SAMPLE

BOUNDED = Unsatisfiable(assumptions=("`x` has at most 6 elements",), bounded=True)


def nothing() -> Found | None:
    return None


def test_what_an_attack_leaves_standing_is_proved_with_all_its_assumptions() -> None:
    decided = Unsatisfiable(assumptions=("a", "b"))
    assert conclude(decided, accept_bounds=False, attack=nothing) == Proved(assumptions=("a", "b"))


@pytest.mark.parametrize("decided", [Unsatisfiable(), BOUNDED])
def test_what_an_attack_finds_is_the_answer(decided: Unsatisfiable) -> None:
    found = Found(token={"iss": "x"})
    assert conclude(decided, accept_bounds=True, attack=lambda: found) == found


def test_a_bound_is_undecided_until_it_is_accepted() -> None:
    refused = conclude(BOUNDED, accept_bounds=False, attack=nothing)
    assert refused == Undecided(
        reason="it is proved only where `x` has at most 6 elements,"
        " which `--accept-bounds` takes for an answer",
        assumptions=BOUNDED.assumptions,
        bounded=True,
    )
    accepted = conclude(BOUNDED, accept_bounds=True, attack=nothing)
    assert accepted == Proved(assumptions=BOUNDED.assumptions, bounded=True)


def test_every_proof_of_the_prover_is_attacked() -> None:
    asked: list[Question] = []

    class Recorded(Attack):
        def __call__(self, question: Question, decided: Unsatisfiable, *, documented: bool) -> Case | None:
            asked.append(question)
            return Case(assertion=SAMPLE)

    with Prover(attack=Recorded()) as prover:
        assert prover.find_admitted("assertion.swname == 'a' && assertion.swname == 'b'") == Found(
            token=SAMPLE
        )
        assert isinstance(prover.find_admitted("assertion.secboot"), Found)
    assert len(asked) == 1
