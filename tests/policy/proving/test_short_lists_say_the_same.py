"""How many entries of a list are enough, and that no longer list ever says something else."""

from __future__ import annotations

import itertools
import time

import pytest

from policy.cel.condition import Condition, compile_condition
from policy.cel.parser import parse
from policy.cel.values import ErrorValue
from policy.proving.smt.encoding import Encoder
from policy.proving.smt.questions import Question, read

NAME = "google_service_accounts"
LIST = f"assertion.{NAME}"
LONGEST = 6


def needed(*texts: str) -> int | None:
    trees = tuple(parse(text) for text in texts)

    def formula(encoder: Encoder) -> int:
        return encoder.circuit.any_of([encoder.truth(tree) for tree in trees])

    question = Question(formula=formula, holds=lambda _: True, trees=trees, assume_facts=False)
    return read(question, until=time.monotonic() + 60).claims.reads.needed(LIST)


@pytest.mark.parametrize(
    "text",
    [
        f"size({LIST}) + 1 > 2",
        f"{LIST} + {LIST} == []",
        f"{LIST}.all(v, {LIST}.exists(w, w != v))",
        f"{LIST} == assertion.submods.container.args",
    ],
)
def test_a_list_that_is_read_otherwise_keeps_its_bound(text: str) -> None:
    assert needed(f'"a" in {LIST}', text) is None


CONDITIONS = [
    f'"a" in {LIST}',
    f'!("a" in {LIST}) && "b" in {LIST}',
    f'{LIST}.all(v, v != "a")',
    f'{LIST}.all(v, v == "a" || v.size() == 2)',
    f'{LIST}.exists(v, {{"a": true, "b": false}}[v])',
    f'{LIST}.all(v, {{"a": true, "b": false}}[v])',
    f'{LIST}.exists_one(v, v == "a")',
    f'!{LIST}.exists_one(v, {{"a": true, "b": false}}[v])',
    f"size({LIST}) >= 2",
    f"size({LIST}) == 3",
    f'{LIST}[1] == "a"',
    f'{LIST} == ["a", "b"]',
    f'["a", "b"].exists(v, v in {LIST})',
    f'["a", "b"].all(v, {LIST}.exists(w, w == v + v))',
    f'{LIST}.filter(v, v != "a").exists(w, w == "b")',
    f'{LIST}.map(v, v + "x").all(w, w != "bx")',
    f'{LIST}.filter(v, v != "a").size() == 1',
    f'{LIST}.filter(v, v != "a") == ["b"]',
    f'{LIST}.map(v, v == "a")[0]',
    f'{LIST}.filter(v, v != "a").all(w, {{"b": true}}[w])',
]


@pytest.mark.parametrize("pair", [*itertools.combinations_with_replacement(CONDITIONS, 2)])
def test_whatever_a_long_list_says_some_short_one_says(pair: tuple[str, str]) -> None:
    """Every list of up to six of these elements, against those that are as long as is enough."""
    enough = needed(*pair)
    if enough is None or enough >= LONGEST:
        return  # a bound stays an assumption, or nothing here is longer
    conditions = [compile_condition(text) for text in pair]
    said = [
        {
            tuple(_said(condition, list(values)) for condition in conditions)
            for length in range(most + 1)
            for values in itertools.product(("a", "b", "aa"), repeat=length)
        }
        for most in (enough, LONGEST)
    ]
    assert said[1] <= said[0]


def test_most_shapes_need_no_bound() -> None:
    sizes = [needed(text) for text in CONDITIONS]
    assert sum(size is not None and size < LONGEST for size in sizes) >= 15, sizes


def _said(condition: Condition, values: list[str]) -> str:
    results, _ = condition.evaluate({NAME: values})
    return " ".join("error" if isinstance(each, ErrorValue) else str(each) for each in results)
