"""Proofs that survive attack, counterexamples that the evaluator confirms, and nothing in between."""

from __future__ import annotations

from collections.abc import Callable

import cvc5
import pytest

from attestation.errors import Misconfigured
from policy.cel.condition import compile_condition
from policy.proving.answers import Found, NoneFound, Proved, Refuted, Undecided
from policy.proving.prover import Prover
from policy.proving.question_names import NAMED_QUESTIONS
from policy.proving.smt.tokens import fits
from tests.policy.proving.asking import (
    ACCOUNTS,
    CONTAINER,
    DIGEST,
    HARDENED,
    NOT_DEBUG,
    PINNED,
    PROJECT,
    REFERENCE,
    SPACE,
    STABLE,
    ZONE,
    proved,
    refuted,
)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (HARDENED, NOT_DEBUG),
        (HARDENED, f'"USABLE" in {SPACE}.support_attributes'),
        (HARDENED, 'assertion.hwmodel != "GCP_SHIELDED_VM"'),
        (HARDENED, f'!has({CONTAINER}.env_override) || !("PATH" in {CONTAINER}.env_override)'),
        (STABLE, NOT_DEBUG),
        (f"{SPACE}.support_attributes.exists(each, each == 'STABLE')", STABLE),
        (f"{PINNED} && {CONTAINER}.image_digest.startsWith('sha256:b')", "false"),
        (f'"{DIGEST}" in {CONTAINER}.image_digest', "false"),
        (f"{REFERENCE}.matches('^us-docker[.]pkg[.]dev/p/')", f"{REFERENCE}.contains('.pkg.dev')"),
        ("assertion.sub.extract('projects/{p}/') == 'mine'", "assertion.sub.contains('mine')"),
        (f"size({ACCOUNTS}) == 1 && 'a' in {ACCOUNTS}", f"{ACCOUNTS} == ['a']"),
        (f"{ACCOUNTS} == ['a', 'b']", f"{ACCOUNTS}[1] == 'b'"),
        (f"{ZONE} == {PROJECT} && {ZONE} == 'a'", f"{PROJECT} == 'a'"),
        (f"'a-' + {ZONE} == 'a-b'", f"{ZONE} == 'b'"),
        (f"{CONTAINER}.env == {{'A': 'b'}}", f"size({CONTAINER}.env) == 1 && {CONTAINER}.env.A == 'b'"),
        ("assertion.iat > 5 && assertion.exp > assertion.iat", "assertion.exp >= 7"),
        (f"{ZONE} < 'b' && {ZONE} >= 'a'", f"{ZONE}.startsWith('a')"),
        ("true", 'assertion.iss == "https://confidentialcomputing.googleapis.com"'),
        (
            f"size({CONTAINER}.cmd_override) == 0",
            f"has({CONTAINER}.cmd_override) && {CONTAINER}.cmd_override != null",
        ),
    ],
)
def test_what_is_proved_survives_ten_thousand_tokens(
    proved: Callable[[str, str], Proved], condition: str, that: str
) -> None:
    proved(condition, that)


__all__ = ["proved"]


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (PINNED, NOT_DEBUG),
        (f"{PINNED} && assertion.swname == 'CONFIDENTIAL_SPACE'", STABLE),
        (STABLE, 'assertion.hwmodel != "GCP_SHIELDED_VM"'),
        ('assertion.dbgstat != "enable"', NOT_DEBUG),
        (f"{NOT_DEBUG} || true", NOT_DEBUG),
        (
            f"{REFERENCE}.startsWith('us-docker.pkg.dev/p/r')",
            f"{REFERENCE}.startsWith('us-docker.pkg.dev/p/r/')",
        ),
        (f'(assertion.submods.nvidia_gpu.cc_mode == "ON" || {STABLE})', STABLE),
        (f"{SPACE}.support_attributes.all(each, each != 'EXPERIMENTAL')", STABLE),
        (f"{REFERENCE}.matches('us-docker')", f"{REFERENCE}.startsWith('us-docker')"),
        (f"{ACCOUNTS}.exists(each, each.endsWith('@p.iam.gserviceaccount.com'))", f"size({ACCOUNTS}) == 1"),
        (HARDENED, f"size({ACCOUNTS}) == 1"),
        (HARDENED, "assertion.secboot"),
        (
            f"!has({CONTAINER}.env_override) || {CONTAINER}.env_override.A != 'x'",
            f"!has({CONTAINER}.env_override)",
        ),
        (
            f"{CONTAINER}.image_signatures.exists(s, s.key_id == 'k')",
            f"size({CONTAINER}.image_signatures) == 1",
        ),
        (f"{ZONE} == {PROJECT}", f"{ZONE} == 'a'"),
        ("", "false"),
    ],
)
def test_what_is_refuted_comes_with_a_minimal_token(prover: Prover, condition: str, that: str) -> None:
    refuted(prover.prove(condition, that), condition, that)


def test_a_proof_names_the_facts_that_it_needs_and_no_others(prover: Prover) -> None:
    by_fact = prover.prove(STABLE, NOT_DEBUG)
    by_itself = prover.prove(f"{STABLE} && {NOT_DEBUG}", NOT_DEBUG)
    assert by_fact == Proved(assumptions=("a debug image has no support attribute",))
    assert by_itself == Proved(assumptions=())


def test_a_claim_that_no_token_has_admits_nobody_under_that_assumption(prover: Prover) -> None:
    condition = "assertion.google_service_account == 'a@b'"
    found = prover.assuming_documented().find_admitted(condition)
    assert found == NoneFound(assumptions=("no token has the claim `google_service_account`",))
    assert isinstance(prover.find_admitted(condition), Found)


DOCUMENTED = {
    "hwmodel": '["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_AMD_SEV_SNP", "GCP_INTEL_TDX", "GCP_SHIELDED_VM"]',
    "dbgstat": '["disabled-since-boot", "enabled"]',
    "swname": '["CONFIDENTIAL_SPACE", "GCE"]',
    "submods.nvidia_gpu.cc_mode": '["ON", "OFF", "DEVTOOLS"]',
    "submods.container.restart_policy": '["Never", "OnFailure", "Always"]',
}


@pytest.mark.parametrize("claim", DOCUMENTED)
def test_a_claim_may_have_another_value_unless_it_is_assumed_to_be_documented(
    prover: Prover, claim: str
) -> None:
    condition, that = f"has(assertion.{claim})", f"assertion.{claim} in {DOCUMENTED[claim]}"
    answer = prover.prove(condition, that)
    assert isinstance(answer, Refuted) and answer.token is not None
    assert fits(answer.token, documented=False) and not fits(answer.token)
    assert not compile_condition(that).decide(answer.token)
    assumed = prover.assuming_documented().prove(condition, that)
    assert isinstance(assumed, Proved)
    assert any(f"`{claim}` is" in each for each in assumed.assumptions)


def test_a_support_attribute_may_be_another_one(prover: Prover) -> None:
    attributes = f"{SPACE}.support_attributes"
    that = f"{attributes}.all(each, each in ['LATEST', 'STABLE', 'USABLE', 'EXPERIMENTAL'])"
    assert isinstance(prover.prove(STABLE, that), Refuted)
    assert isinstance(prover.assuming_documented().prove(STABLE, that), Proved)


def test_a_documented_token_is_shown_where_there_is_one(prover: Prover) -> None:
    answer = prover.prove("true", 'assertion.hwmodel == "GCP_AMD_SEV"')
    assert isinstance(answer, Refuted) and answer.token is not None
    assert fits(answer.token)


def test_the_issuer_was_verified_and_is_nobody_else(prover: Prover) -> None:
    assert isinstance(
        prover.find_admitted('assertion.iss != "https://confidentialcomputing.googleapis.com"'), NoneFound
    )


@pytest.mark.parametrize(("count", "possible"), [(2, True), (3, False)])
def test_the_keys_of_a_map_differ_though_few_strings_answer_as_they_do(
    prover: Prover, count: int, possible: bool
) -> None:
    keys = f"{CONTAINER}.env"
    found = prover.find_admitted(f"size({keys}) == {count} && {keys}.all(key, key.matches('^(a|ab)$'))")
    assert isinstance(found, Found if possible else NoneFound), found


@pytest.mark.parametrize("count", [60, 100])
def test_a_map_as_large_as_a_condition_asks_is_found(prover: Prover, count: int) -> None:
    found = prover.find_admitted(f"size({CONTAINER}.env) == {count}")
    assert isinstance(found, Found), found
    assert len(found.token["submods"]["container"]["env"]) == count  # type: ignore[index]


def test_a_proof_that_never_met_a_bound_does_not_speak_of_it(prover: Prover) -> None:
    answer = prover.prove(HARDENED, NOT_DEBUG)
    assert isinstance(answer, Proved)
    assert not answer.bounded


def test_a_list_as_long_as_a_condition_asks_is_found(prover: Prover) -> None:
    found = prover.find_admitted(f"size({ACCOUNTS}) == 9")
    assert isinstance(found, Found)
    assert len(found.token["google_service_accounts"]) == 9  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("production-image", HARDENED, PINNED),
        ("encrypted-memory", HARDENED, f"{PINNED} && {STABLE}"),
        ("pinned-image", HARDENED, f"{REFERENCE} == 'us-docker.pkg.dev/p/r/i:latest'"),
        ("pinned-image", f"{CONTAINER}.image_signatures.exists(s, s.key_id == 'k')", STABLE),
        ("pinned-operator", HARDENED, f"{PINNED} && {STABLE}"),
        (
            "no-overrides",
            f"{PINNED} && !has({CONTAINER}.cmd_override) && !has({CONTAINER}.env_override)",
            PINNED,
        ),
        (
            "never-errors",
            f"has({CONTAINER}.env) || {NOT_DEBUG} || {ZONE} == 'a'",
            f"{CONTAINER}.env.A == 'a'",
        ),
    ],
)
def test_each_named_question_tells_a_good_policy_from_a_bad_one(
    prover: Prover, name: str, good: str, bad: str
) -> None:
    counterexample = prover.prove_named(bad, name)
    if name != "never-errors":
        assert isinstance(prover.prove_named(good, name), Proved)
    assert isinstance(counterexample, Refuted) and counterexample.token is not None


def test_satisfiable_shows_a_token_or_refutes_without_one(prover: Prover) -> None:
    yes, no = (
        prover.prove_named(HARDENED, "satisfiable"),
        prover.prove_named("assertion.swname == 'x' && assertion.swname == 'y'", "satisfiable"),
    )
    assert isinstance(yes, Proved) and yes.example is not None
    assert compile_condition(HARDENED).decide(yes.example)
    assert no == Refuted(token=None)


def test_whether_a_token_that_is_not_documented_could_be_admitted_is_not_known(prover: Prover) -> None:
    undecided = prover.prove_named("assertion.swname == 'x'", "satisfiable")
    assert isinstance(undecided, Undecided)
    assert undecided.assumptions == ("`swname` is `CONFIDENTIAL_SPACE` or `GCE`",)
    assuming = prover.assuming_documented()
    assert assuming.prove_named("assertion.swname == 'x'", "satisfiable") == Refuted(token=None)


def test_a_question_that_does_not_exist_is_refused_with_those_that_do(prover: Prover) -> None:
    with pytest.raises(Misconfigured) as refusal:
        prover.prove_named(HARDENED, "prodution-image")
    assert all(name in refusal.value.hint for name in NAMED_QUESTIONS)


@pytest.mark.parametrize(
    ("condition", "that", "expected"),
    [
        (HARDENED, NOT_DEBUG, "unsat"),
        (PINNED, NOT_DEBUG, "sat"),
        (f"'a' + {ZONE} == 'ab'", f"{ZONE} == 'b'", "unsat"),
    ],
)
def test_another_solver_reads_the_question_and_agrees(
    prover: Prover, condition: str, that: str, expected: str
) -> None:
    other = cvc5.Solver()
    parser = cvc5.InputParser(other)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, prover.to_smt2(condition, that), "question.smt2")
    said = []
    while not (command := parser.nextCommand()).isNull():
        said.append(str(command.invoke(other, parser.getSymbolManager())).strip())
    assert said[-1] == expected
    assert "error" not in "".join(said)
