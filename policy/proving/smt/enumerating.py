"""The values that a claim has in the tokens of a question: all of them, or that they have no end.

Source: policy/proving/smt/strings.py: all strings with the same answers to all tests are alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ...cel import functions
from ...cel.syntax import NOWHERE
from ..answers import Undecided, Values
from . import machines, strings, tokens
from .circuit import TooLarge
from .claims import Claims
from .encoding import Encoder
from .questions import Question, Reading, case_of, confirm, read, reason_of
from .solver import Solver, SolverGaveUp, SolverMissing
from .solving import Dialogue, Impossible, Model
from .values import LOWERED, Alternative, Entries, Integer, Slots, Text, Unsupported, Value, is_value

MOST_VALUES: Final = 256
_MOST_WORDS: Final = 4096

Claim: TypeAlias = Callable[[Encoder], list[tuple[int, Value]]]
"""Where a token is admitted, by literal, and what the claim is there."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """While `literal` holds, the claim is one of `words()`, and may be any of them."""

    literal: int
    words: Callable[[], Iterator[object]]


def enumerate_values(
    question: Question, claim: Claim, solver: Solver, *, budget_s: float, documented: bool = False
) -> Values | Undecided:
    """The values of `claim` in the tokens that `question` asks for, at most `MOST_VALUES`."""
    until = time.monotonic() + budget_s
    read_claim: list[tuple[int, Value]] = []

    def formula(encoder: Encoder) -> int:
        goal = question.formula(encoder)
        read_claim[:] = claim(encoder)
        return goal

    try:
        reading = read(replace(question, formula=formula), until=until)
        dialogue = Dialogue(solver, reading.problem, until=until)
        first = dialogue.solve(spare=reading.spare)
        if not documented:
            first = dialogue.refuse(reading.vocabulary, spare=reading.spare)
        if isinstance(first, Impossible):
            rests = reading.unsatisfiable(first, documented=documented)
            return Values(
                finite=(), examples=(), absent=False, bounded=rests.bounded, assumptions=rests.assumptions
            )
        circuit = reading.claims.circuit
        candidates = [
            _Candidate(circuit.both(admitted, each.literal), each.words)
            for admitted, value in read_claim
            for each in _candidates(reading.claims, value)
        ]
        absent = circuit.any_of(
            [circuit.both(admitted, -is_value(circuit, value)) for admitted, value in read_claim]
        )

        def is_confirmed(model: Model) -> None:
            confirm(question, case_of(reading, model, tokens.SAMPLE))

        return _enumerated(dialogue, candidates, absent, is_confirmed, reading, documented=documented)
    except (Unsupported, TooLarge, SolverMissing, SolverGaveUp, strings.TooManyCombinations) as problem:
        return Undecided(reason=reason_of(problem, budget_s))


def _enumerated(
    dialogue: Dialogue,
    candidates: list[_Candidate],
    absent: int,
    confirm: Callable[[Model], None],
    reading: Reading,
    *,
    documented: bool,
) -> Values:
    circuit = dialogue.circuit
    left = candidates
    found: dict[object, None] = {}
    while (model := dialogue.possible(circuit.any_of([each.literal for each in left]))) is not None:
        confirm(model)
        for each in left:
            if model.holds(each.literal, default=False):
                _gather(each.words(), found)
        if len(found) > MOST_VALUES:
            break
        left = [each for each in left if not model.holds(each.literal, default=False)]
    without = dialogue.possible(absent)
    if without is not None:
        confirm(without)
    values = None if len(found) > MOST_VALUES else tuple(sorted(found, key=repr))
    rests = reading.unsatisfiable(frozenset(dialogue.needed), documented=documented)
    return Values(
        finite=values,
        examples=tuple(found)[:2],
        absent=without is not None,
        bounded=rests.bounded,
        assumptions=rests.assumptions,
    )


def _gather(words: Iterator[object], found: dict[object, None]) -> None:
    """All the words are found, or more than `MOST_VALUES`: those that were found before do not count."""
    for count, word in enumerate(words):
        found[word] = None
        if len(found) > MOST_VALUES:
            return
        if count == _MOST_WORDS:  # strings without end may have few parts: no number of them says so
            raise Unsupported("the set of values of a part of a string")


def _candidates(claims: Claims, value: Value) -> Iterator[_Candidate]:
    circuit = claims.circuit
    for guard, kind, payload in value:
        if kind == "bool":
            yield _Candidate(circuit.both(guard, payload), lambda: iter((True,)))
            yield _Candidate(circuit.both(guard, -payload), lambda: iter((False,)))
        elif isinstance(payload, Slots):
            claims.reads.one_at_a_time(payload.path, "has an element as asked")
            for present, element in payload.items:
                for each in _candidates(claims, element):
                    yield _Candidate(circuit.all_of((guard, present, each.literal)), each.words)
        elif isinstance(payload, Entries):
            yield from _candidates(claims, (Alternative(guard, "list", claims.keys(payload)),))
        elif isinstance(payload, Text):
            for literal, words in _texts(claims, payload):
                yield _Candidate(circuit.both(guard, literal), words)
        elif payload is None or isinstance(payload, str | int):
            yield _Candidate(guard, _only(payload))
        elif isinstance(payload, Integer):
            raise Unsupported("the set of values of a number")
        else:
            raise Unsupported("the set of values of a computed claim, or of a part of the token")


def _only(value: object) -> Callable[[], Iterator[object]]:
    return lambda: iter((value,))


def _texts(claims: Claims, text: Text) -> Iterator[tuple[int, Callable[[], Iterator[object]]]]:
    asked = claims.tests.get(text.path, {})
    tests = tuple(asked)
    others = [asked[test] for test in tests if not machines.is_equality(test)]
    equal = {test: literal for test, literal in asked.items() if machines.is_equality(test)}
    for test, literal in equal.items():
        yield literal, _only(_seen(text, str(test.constant)))
    for vector in strings.unequal(tests):
        signed = [literal if said else -literal for literal, said in zip(others, vector, strict=True)]
        literal = claims.circuit.all_of([*signed, *(-each for each in equal.values())])
        yield literal, _words(text, tests, vector)


def _words(
    text: Text, tests: tuple[machines.Probe, ...], vector: strings.Vector
) -> Callable[[], Iterator[object]]:
    return lambda: (_seen(text, word) for word in strings.words(tests, vector))


def _seen(text: Text, word: str) -> object:
    seen: object = word
    for view in text.views:
        is_lowered = view == LOWERED
        seen = functions.lower_ascii(NOWHERE, seen) if is_lowered else functions.extract(NOWHERE, seen, view)
    return seen
