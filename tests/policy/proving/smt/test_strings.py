"""The automata say of strings what the evaluator says, and miss no combination."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from policy.cel.condition import compile_condition
from policy.cel.functions import extract, lower_ascii
from policy.cel.patterns import InvalidPattern
from policy.cel.rendering import render_constant
from policy.cel.syntax import Span
from policy.proving.smt import machines
from policy.proving.smt.machines import Probe, answer, is_equality
from policy.proving.smt.strings import TooManyCombinations, unequal, words

NOWHERE = Span(0, 0)
CONSTANTS = ("", "a", "ab", "aba", "b", "\n", "a b", "é", "😀", "z", "A", "Ab", "Z")
PATTERNS = ("^a+$", "b", r"\bab?\b", "(?m)^b$", "a|^$", "[^a]{2}", "(?i)A", r"^\w*$", "^.b", "(a|b){2,3}$")
VIEWS: tuple[tuple[str, ...], ...] = (
    *((), (), (), ("a{x}",), ("{x}b",), ("a{x}b",), ("{x}",), ("aa{x}ab",), ("z{x}A",)),
    *(("lowerAscii",), ("lowerAscii", "a{x}b"), ("a{x}B", "lowerAscii"), ("{x}b", "a{x}"), ("{x}", "{x}z")),
)


def said_by_evaluator(test: Probe, text: str) -> bool:
    """What a condition with this test decides."""
    claim: Any = text
    for view in test.views:
        is_lowered = view == "lowerAscii"
        claim = lower_ascii(NOWHERE, claim) if is_lowered else extract(NOWHERE, claim, view)
    if isinstance(test.constant, int):
        return compile_condition(f"size(assertion.x) <= {test.constant}").decide({"x": claim})
    constant = render_constant(test.constant)
    if test.kind in ("==", "<", "<="):
        return compile_condition(f"assertion.x {test.kind} {constant}").decide({"x": claim})
    return compile_condition(f"assertion.x.{test.kind}({constant})").decide({"x": claim})


def random_test(pick: random.Random) -> Probe:
    kind: machines.Kind = pick.choice(
        ("==", "==", "startsWith", "endsWith", "contains", "matches", "<", "<=", "size<=")
    )
    views = pick.choice(VIEWS)
    if kind == "size<=":
        return Probe("size<=", pick.randrange(5), views)
    return Probe(kind, pick.choice(PATTERNS if kind == "matches" else CONSTANTS), views)


def random_text(pick: random.Random) -> str:
    return "".join(pick.choice("aaabbbAB\n é😀zZ_") for _ in range(pick.randrange(7)))


def test_every_test_answers_as_the_evaluator_does() -> None:
    pick = random.Random(1)
    for _ in range(5_000):
        test, text = random_test(pick), random_text(pick)
        assert answer(test, text) is said_by_evaluator(test, text), (test, text)


def test_every_example_answers_as_its_vector_says() -> None:
    pick = random.Random(2)
    for _ in range(300):
        tests = tuple({random_test(pick) for _ in range(pick.randint(1, 4))})
        others = [test for test in tests if not is_equality(test)]
        for vector, example in unequal(tests).items():
            assert tuple(answer(test, example) for test in others) == vector
            assert all(example != test.constant for test in tests if is_equality(test))


def test_no_string_has_a_vector_that_was_not_found() -> None:
    pick = random.Random(3)
    for _ in range(300):
        tests = tuple({random_test(pick) for _ in range(pick.randint(1, 4))})
        others = [test for test in tests if not is_equality(test)]
        constants = {test.constant for test in tests if is_equality(test)}
        vectors = unequal(tests)
        for text in {random_text(pick) for _ in range(40)} - constants:
            assert tuple(answer(test, text) for test in others) in vectors, (tests, text)


def test_the_example_is_a_shortest_string_of_its_vector() -> None:
    pick = random.Random(4)
    shorter = ["".join(word) for size in range(4) for word in itertools.product("ab\n z", repeat=size)]
    for _ in range(100):
        tests = tuple({random_test(pick) for _ in range(3)})
        others = [test for test in tests if not is_equality(test)]
        constants = {test.constant for test in tests if is_equality(test)}
        vectors = unequal(tests)
        for text in shorter:
            if text not in constants:
                assert len(vectors[tuple(answer(test, text) for test in others)]) <= len(text)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^(?:a|b|cd)$", ["a", "b", "cd"]),
        ("^a[bc]{1,2}$", ["ab", "ac", "abb", "abc", "acb", "acc"]),
        ("^$", [""]),
        ("^(x|y)?$", ["", "x", "y"]),
    ],
)
def test_a_finite_language_is_listed_to_its_end(pattern: str, expected: list[str]) -> None:
    assert list(words((Probe("matches", pattern),), (True,))) == expected


def test_an_infinite_language_is_listed_without_end() -> None:
    listed = list(itertools.islice(words((Probe("matches", "^ab*$"), Probe("==", "ab")), (True,)), 50))
    assert listed[:3] == ["a", "abb", "abbb"]
    assert len(set(listed)) == 50


def test_constants_that_a_language_consists_of_leave_no_string_over() -> None:
    tests = (Probe("matches", "^(a|b)$"), Probe("==", "a"), Probe("==", "b"))
    assert (True,) not in unequal(tests)


def test_halves_of_surrogate_pairs_are_no_characters() -> None:
    assert (True,) not in unequal((Probe("matches", r"^[\x{D800}-\x{DFFF}]$"),))
    around = (Probe("matches", r"^[\x{D700}-\x{E0FF}]$"),)
    characters = [*range(0xD700, 0xD800), *range(0xE000, 0xE100)]
    assert sorted(words(around, (True,))) == list(map(chr, characters))


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a**", r"\1"])
def test_a_pattern_that_the_evaluator_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        machines.check_pattern(pattern)


def test_tests_that_multiply_without_end_are_given_up() -> None:
    with pytest.raises(TooManyCombinations):
        unequal(tuple(Probe("contains", f"needle{number}x{number}") for number in range(16)))
