"""Which readings of lists and maps need no bound, and how long a list is long enough for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from policy.cel.condition import compile_condition
from policy.proving.answers import Proved, Refuted, Undecided
from policy.proving.prover import Prover
from policy.proving.smt.reads import Reads

ACCOUNTS = "assertion.google_service_accounts"
VERSIONS = "assertion.swversion"
ENV = "assertion.submods.container.env"


def test_a_list_needs_what_is_read_by_number_and_one_element_for_each_other_reading() -> None:
    reads = Reads()
    reads.first("a", 3)
    reads.one_at_a_time("a", "x in a")
    reads.one_at_a_time("a", "x in a")
    reads.one_at_a_time("a", "a.exists_one(…)", needs=2)
    assert reads.needed("a") == 6
    reads.length("a", 9)
    assert (reads.needed("a"), reads.needed("b")) == (9, 0)


def test_a_list_that_is_read_as_a_whole_needs_a_bound() -> None:
    reads = Reads()
    reads.one_at_a_time("a", "x in a")
    reads.entirely("a")
    assert reads.needed("a") is None


def test_lists_that_are_read_for_each_element_of_one_another_need_a_bound() -> None:
    reads = Reads()
    reads.one_at_a_time("a", "for each of b", inside=["b"])
    assert reads.needed("a") == 1
    reads.one_at_a_time("b", "for each of c", inside=["c"])
    reads.one_at_a_time("c", "for each of a", inside=["a"])
    assert [reads.needed(each) for each in "abc"] == [None, None, None]


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        pytest.param(
            f"{ACCOUNTS}.all(x, x in ['a', 'b']) && {ACCOUNTS}.exists(x, x != 'a')",
            f"'b' in {ACCOUNTS}",
            id="all and exists",
        ),
        pytest.param(
            f"{ACCOUNTS}.all(x, x in {VERSIONS}) && 'a' in {ACCOUNTS}",
            f"'a' in {VERSIONS}",
            id="a list for each element of another",
        ),
        pytest.param(
            f"{ENV}.all(name, {ENV}[name] == 'x')",
            f"!has({ENV}.A) || {ENV}.A == 'x'",
            id="the entry of the key at hand",
        ),
        pytest.param(
            f"{ENV}.all(name, name.startsWith('X')) && {ENV}.exists(name, name.endsWith('Y'))",
            f"{ENV}.exists(name, name.startsWith('X') && name.endsWith('Y'))",
            id="the keys of a map",
        ),
        pytest.param(
            f"size({ACCOUNTS}) > 20 && {ACCOUNTS}.all(x, x == 'a')",
            f"!{ACCOUNTS}.exists(x, x != 'a')",
            id="a size beyond the usual slots",
        ),
        pytest.param(
            f"{ACCOUNTS}.filter(x, x != 'a').size() == 0",
            f"{ACCOUNTS}.all(x, x == 'a')",
            id="the size of what a filter leaves",
        ),
        pytest.param(
            " && ".join(f"'{each}' in {ACCOUNTS}" for each in "abcdefgh"),
            f"{ACCOUNTS}.exists(x, x == 'h')",
            id="more readings than the usual slots",
        ),
    ],
)
def test_what_reads_one_element_at_a_time_is_proved_for_every_length(
    prover: Prover, condition: str, that: str
) -> None:
    answer = prover.prove(condition, that)
    assert isinstance(answer, Proved)
    assert (answer.bounded, answer.assumptions) == (False, ())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"{ACCOUNTS}.exists(y, y == x + 'a')", id="directly"),
        pytest.param(f"[x + 'a'].exists(y, y in {ACCOUNTS})", id="through another list"),
        pytest.param(
            f"{VERSIONS}.exists(y, y == x) && {VERSIONS}.all(y, y + 'a' in {ACCOUNTS})", id="in turn"
        ),
    ],
)
def test_a_body_that_reads_its_own_list_stays_within_a_bound(prover: Prover, body: str) -> None:
    """Each element asks for a longer one: of these, every list of every length but none is refused."""
    answer = prover.prove(f"{ACCOUNTS}.all(x, {body})", f"size({ACCOUNTS}) == 0")
    assert not isinstance(answer, Proved) or answer.bounded


@pytest.mark.parametrize(
    ("condition", "that", "shown"),
    [
        (
            " && ".join(f"{ACCOUNTS}[{i}] != 'e'" for i in range(6)) + f" && !('b' in {ACCOUNTS})",
            f"!('e' in {ACCOUNTS})",
            lambda token: token["google_service_accounts"].index("e") >= 6,
        ),
        (
            f"!('e' in {ACCOUNTS})",
            f"size({ACCOUNTS}) <= 30",
            lambda token: len(token["google_service_accounts"]) > 30,
        ),
        (
            f"{ENV}.all(name, name.startsWith('X'))",
            f"size({ENV}) <= 8",
            lambda token: len(token["submods"]["container"]["env"]) == 9,
        ),
        (
            f"size({ACCOUNTS}) == 8 && {ACCOUNTS}.exists_one(x, x == 'a')",
            f"{ACCOUNTS}[7] != 'a'",
            lambda token: token["google_service_accounts"][7] == "a",
        ),
    ],
)
def test_a_list_is_as_long_as_a_counterexample_needs(
    prover: Prover, condition: str, that: str, shown: Callable[[Any], bool]
) -> None:
    answer = prover.prove(condition, that)
    assert isinstance(answer, Refuted) and answer.token is not None
    assert shown(answer.token)
    assert compile_condition(condition).decide(answer.token)
    assert not compile_condition(that).decide(answer.token)


def test_lists_that_are_joined_stay_within_a_bound_that_may_be_accepted(prover: Prover) -> None:
    condition, that = f"({ACCOUNTS} + {VERSIONS}).all(x, x == 'a')", f"{ACCOUNTS}.all(x, x == 'a')"
    undecided = prover.prove(condition, that)
    assert isinstance(undecided, Undecided) and undecided.bounded
    assert "has at most" in undecided.reason
    with Prover(accept_bounds=True) as accepting:
        answer = accepting.prove(condition, that)
    assert isinstance(answer, Proved) and answer.bounded
    assert answer.assumptions == undecided.assumptions


def test_macros_so_deep_that_an_evaluator_may_give_up_stay_within_a_bound(prover: Prover) -> None:
    deep = f"{ACCOUNTS}.all(x, " * 3 + f"{VERSIONS}.all(y, true)" + ")" * 3
    answer = prover.prove("true", f"{deep} || !has(assertion.swversion)")
    assert isinstance(answer, Undecided) and answer.bounded
    shallow = f"{ACCOUNTS}.all(x, {VERSIONS}.all(y, true))"
    assert isinstance(prover.prove("true", f"{shallow} || !has(assertion.swversion)"), Proved)
