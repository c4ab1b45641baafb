"""How many entries of a list are enough, and that no longer list ever says something else."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

from policy.cel.condition import Condition, compile_condition
from policy.cel.parser import parse
from policy.cel.values import ErrorValue
from policy.proving.smt.sufficient_sizes import sufficient_sizes

LIST = "assertion.list"


def size(text: str) -> int | None:
    return sufficient_sizes([parse(text)]).get(LIST)


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        (f'"a" in {LIST}', 1),
        (f'"a" in {LIST} || "b" in {LIST} || "a" in {LIST}', 2),
        (f'!{LIST}.exists(v, v == "a") && {LIST}.all(v, v != "b")', 2),
        (f'{LIST}.exists_one(v, v == "a")', 2),
        (f"size({LIST}) <= 3", 4),
        (f"3 > {LIST}.size()", 4),
        (f'{LIST}[2] == "a"', 3),
        (f'{LIST} == ["a", "b"]', 3),
        (f'{LIST} in [["a"], []]', 3),
        (f'["a", "b"].all(v, v in {LIST})', 2),
        (f'size({LIST}) == 1 && "a" in {LIST} && {LIST}.all(v, v != "b")', 4),
        (f"has({LIST}) || type({LIST}) == list || {LIST} == null", 1),
        (f'has({LIST}) ? "a" in {LIST} : true', 1),
    ],
)
def test_a_list_read_one_entry_at_a_time_needs_no_more(text: str, enough: int) -> None:
    assert size(text) == enough


@pytest.mark.parametrize(
    "text",
    [
        f'{LIST}.filter(v, v == "a").size() == 1',
        f"{LIST}.map(v, v) == []",
        f"size({LIST}) <= 100",
        f"size({LIST}) + 1 > 2",
        f"size({LIST}) % 2 == 0",
        f"size({LIST}) == assertion.number",
        f"{LIST} + {LIST} == []",
        f"{LIST} == assertion.other",
        f"{LIST}[assertion.number] == 'a'",
        f"assertion.other.all(v, v in {LIST})",
        f"assertion.other.exists(v, {LIST}.exists(w, w == v))",
        f"(assertion.flag ? {LIST} : []).size() == 0",
        f"{LIST}.join() == ''",
        "size(assertion) == 1",
    ],
)
def test_a_list_read_otherwise_keeps_its_bound(text: str) -> None:
    assert size(f'"a" in {LIST} && {text}') is None


def test_the_part_that_holds_a_list_must_not_be_read_whole() -> None:
    assert sufficient_sizes([parse('"a" in assertion.part.list')])["assertion.part.list"] == 1
    assert "assertion.part.list" not in sufficient_sizes(
        [parse('"a" in assertion.part.list && assertion.part == assertion.other')]
    )


CONDITIONS = [
    f'"a" in {LIST}',
    f'!("a" in {LIST}) && "b" in {LIST}',
    f'{LIST}.all(v, v != "a")',
    f'{LIST}.all(v, v == "a" || v.size() == 1)',
    f"{LIST}.exists(v, v > 1)",
    f'{LIST}.exists_one(v, v == "a")',
    f"!{LIST}.exists_one(v, v > 1)",
    f"size({LIST}) >= 2",
    f'{LIST}[1] == "a"',
    f'{LIST} == ["a", "b"]',
    f'["a", "b"].exists(v, v in {LIST})',
    f'{LIST}.all(v, has(v.x) || v == "a")',
]


@pytest.mark.parametrize("pair", [*itertools.combinations_with_replacement(CONDITIONS, 2)])
def test_whatever_a_long_list_says_some_short_one_says(pair: tuple[str, str]) -> None:
    """Every list of up to five of these elements, against those that are as long as is enough."""
    trees = [parse(text) for text in pair]
    enough = sufficient_sizes(trees)[LIST]
    conditions = [compile_condition(text) for text in pair]
    elements: tuple[Any, ...] = ("a", "b", 2, {"x": 1})
    said = [
        {
            tuple(_said(condition, list(values)) for condition in conditions)
            for length in range(most + 1)
            for values in itertools.product(elements, repeat=length)
        }
        for most in (enough, 5)
    ]
    assert said[1] <= said[0]


def _said(condition: Condition, values: list[Any]) -> str:
    results, _ = condition.evaluate({"list": copy.copy(values)})
    return " ".join("error" if isinstance(each, ErrorValue) else str(each) for each in results)
