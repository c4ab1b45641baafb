"""A policy's own tests: decisions, parts that were never seen both ways, and tokens made from it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from policy.cel.condition import compile_condition
from policy.proving.answers import Found, NoneFound
from policy.proving.generating_tests import Result, Unseen, generate, run_cases
from policy.proving.neighbours import ABSENT, at
from policy.proving.prover import Prover
from policy.proving.smt.tokens import SAMPLE, fits

NOT_DEBUG = 'assertion.dbgstat == "disabled-since-boot"'
STABLE = '"STABLE" in assertion.submods.confidential_space.support_attributes'
DIGEST = f'assertion.submods.container.image_digest == "{"sha256:" + "a" * 64}"'
POLICY = f"{STABLE} && {DIGEST} && (assertion.secboot || assertion.oemid == 1)"


def token(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(dict(SAMPLE)) | changes


def test_each_token_is_decided_and_held_against_what_was_expected() -> None:
    report = run_cases(NOT_DEBUG, {"good": (token(), True), "debug": (token(dbgstat="enabled"), True)})
    assert report.results == (
        Result(name="good", outcome="admitted", expected=True),
        Result(name="debug", outcome="refused", expected=True),
    )
    assert not report.passed


def test_a_part_that_was_never_false_is_named_with_its_place() -> None:
    report = run_cases(f"{NOT_DEBUG} && assertion.secboot", {"good": (token(), True)})
    assert report.unseen[0] == Unseen(provider="", text=NOT_DEBUG, span=(0, len(NOT_DEBUG)), missing=(False,))
    assert [each.text for each in report.unseen] == [NOT_DEBUG, "assertion.secboot"]


def test_a_part_that_was_only_ever_an_error_was_seen_neither_way() -> None:
    report = run_cases("assertion.nowhere == 1", {"good": (token(), False)})
    assert report.unseen[0].missing == (True, False)


def test_parts_below_a_clause_are_asked_for_too() -> None:
    cases = {"good": (token(), True), "bad": (token(secboot=False), False)}
    report = run_cases("assertion.secboot || assertion.oemid == 1", cases)
    assert [each.text for each in report.unseen] == ["assertion.oemid == 1"]


def test_nothing_is_unseen_when_both_ways_were_taken() -> None:
    cases = {"good": (token(), True), "debug": (token(dbgstat="enabled"), False)}
    report = run_cases(NOT_DEBUG, cases)
    assert report.passed and report.unseen == ()


def test_every_clause_gets_a_token_that_fails_it_alone(prover: Prover) -> None:
    generated = generate(POLICY, prover)
    assert isinstance(generated.admitted, Found)
    assert compile_condition(POLICY).decide(generated.admitted.token)
    clauses = compile_condition(POLICY).clauses
    assert [each.clause for each in generated.failing] == [clause.text for clause in clauses]
    for place, failing in enumerate(generated.failing):
        assert failing.token is not None and fits(failing.token)
        results = [compile_condition(clause.text).decide(failing.token) for clause in clauses]
        assert results == [number != place for number in range(len(clauses))]


def test_a_clause_that_can_be_false_is_not_failed_by_an_error(prover: Prover) -> None:
    claim = "assertion.submods.container.cmd_override"
    (failing,) = generate(f"!has({claim}) || size({claim}) == 0", prover).failing
    assert failing.token is not None
    assert at(failing.token, ("submods", "container", "cmd_override")) not in (ABSENT, None, [])


def test_a_failing_token_is_the_admitted_one_but_for_what_it_fails(prover: Prover) -> None:
    generated = generate(f"{NOT_DEBUG} && assertion.secboot", prover)
    assert isinstance(generated.admitted, Found)
    (_, without_secure_boot) = generated.failing
    assert without_secure_boot.token == dict(generated.admitted.token) | {"secboot": False}


def test_a_clause_that_keeps_nobody_out_is_redundant_by_proof(prover: Prover) -> None:
    (not_debug, stable) = generate(f"{NOT_DEBUG} && {STABLE}", prover).failing
    assert (not_debug.redundant, not_debug.token) == (True, None)
    assert not_debug.assumptions == ("a debug image has no support attribute",)
    assert not stable.redundant and stable.token is not None


def test_a_clause_without_a_formula_is_undecided_and_not_redundant(prover: Prover) -> None:
    failing = generate(f"{NOT_DEBUG} && assertion.sub.split('/')[0] == 'a'", prover).failing
    assert [(each.redundant, each.token) for each in failing] == [(False, None)] * 2
    assert all("cannot be decided" in each.reason for each in failing)


def test_a_policy_that_admits_nobody_generates_no_admitted_token(prover: Prover) -> None:
    generated = generate(f"{NOT_DEBUG} && assertion.dbgstat == 'enabled'", prover)
    assert isinstance(generated.admitted, NoneFound)


def test_generated_tokens_see_every_clause_both_ways(prover: Prover) -> None:
    generated = generate(POLICY, prover)
    assert isinstance(generated.admitted, Found)
    cases: dict[str, tuple[Mapping[str, object], bool]] = {"admitted": (generated.admitted.token, True)}
    for number, failing in enumerate(generated.failing):
        assert failing.token is not None
        cases[f"fails {number}"] = (failing.token, False)
    report = run_cases(POLICY, cases)
    assert report.passed
    assert {each.text for each in report.unseen} <= {"assertion.oemid == 1", "assertion.secboot"}
