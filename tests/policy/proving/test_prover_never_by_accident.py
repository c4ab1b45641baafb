"""What cannot be decided, or whose solver fails, is undecided with its reason: no proof by accident."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from policy.cel.condition import compile_condition
from policy.cel.syntax import InvalidExpression
from policy.policy_set import PolicySet, parse_policy_set, policy_set_of
from policy.proving.answers import Found, NoneFound, Proved, Refuted, Undecided
from policy.proving.prover import Prover, find_admitted, prove
from policy.proving.smt import solver, tokens
from policy.proving.smt.questions import NOT_INSTALLED
from policy.proving.smt.tokens import SAMPLE, fits, nearest
from tests.policy.proving.asking import (
    ACCOUNTS,
    CONTAINER,
    HARDENED,
    NOT_DEBUG,
    PINNED,
    STABLE,
    ZONE,
    proved,
    refuted,
)

__all__ = ["proved"]


@pytest.mark.parametrize(
    ("condition", "span"),
    [
        ("assertion.sub.split('/')[0] == 'x'", "0-24"),
        ("assertion.submods == {'a': 1}", "0-29"),
        ("size(assertion) == 3", "0-15"),
        (f"{ZONE}.matches(assertion.sub)", "0-49"),
        ("assertion.submods.all(name, true)", "0-33"),
        ("assertion[assertion.sub] == 1", "0-24"),
        ("int(assertion.submods.gce.project_number) == 1", "0-41"),
        ("assertion.iat * assertion.exp == 1", "0-29"),
    ],
)
def test_what_has_no_formula_is_undecided_and_says_where(prover: Prover, condition: str, span: str) -> None:
    answer = prover.prove(condition, "false")
    assert isinstance(answer, Undecided)
    assert f"at characters {span}" in answer.reason
    assert "\n" not in answer.reason


def listed(count: int) -> str:
    return "[" + ", ".join(f"'{number}'" for number in range(count)) + "]"


def hostile() -> dict[str, str]:
    digests = ", ".join(f'"sha256:{number:064x}"' for number in range(40))
    ones = f"[{','.join('1' * 900)}]"
    nested = "a + b == c + d"
    for name in "dcba":
        nested = f"{ACCOUNTS}.all({name}, {nested})"
    return {
        "nested parentheses": "(" * 30 + "assertion.secboot" + ")" * 30,
        "a long disjunction": " || ".join(f"{ZONE}=='{number}'" for number in range(110)),
        "forty digests": f"{CONTAINER}.image_digest in [{digests}]",
        "a long list": f"{ZONE} in {listed(450)}",
        "a long list, over another": f"{ACCOUNTS}.all(a, a in {listed(450)})",
        "a list over itself": f"{ones}.all(a, {ones}.all(b, a == b))",
        "macros in macros": nested,
        "many searches": " || ".join(f"assertion.sub.contains('x{number}x{number}')" for number in range(60)),
        "a repetition of repetitions": "assertion.sub.matches('^((a{1,30}){1,30}b?)*$')"
        " && !assertion.sub.matches('(a|b)*c')",
        "a large repetition": "assertion.sub.matches('(x+x+)+y{900}')"
        " && assertion.sub.matches('^(.{0,900}z)$')",
        "many patterns": " && ".join(f"assertion.sub.matches('a.{{{least},}}b')" for least in range(2, 40)),
        "characters of all kinds": rf"{ZONE} == '\x00' || {ZONE}.contains('\U0010ffff')",
        "strings of claims": f"assertion.sub + {ZONE} == {ZONE} + assertion.sub",
        "strings of strange characters": rf"assertion.sub == {ZONE} + '\U0010ffff'",
        "sums": " + ".join(["assertion.iat"] * 60) + " == 7",
        "what the solver could misread": rf"""{ZONE} == '") (exit) (assert false \\' """,
        "a strange name": "assertion.`a-b` == 'x'",
    }


@pytest.mark.parametrize("name", hostile())
def test_hostile_conditions_are_answered_or_undecided(name: str) -> None:
    condition = hostile()[name]
    with Prover(budget_s=1) as prover:
        try:
            found = prover.find_admitted(condition)
            answer = prover.prove(condition, "assertion.sub == 'x'")
        except InvalidExpression as refusal:
            assert "\n" not in refusal.message
            return
    if isinstance(found, Found):
        assert compile_condition(condition).decide(found.token)
        assert not isinstance(answer, Proved)
    if isinstance(answer, Undecided):
        assert "\n" not in answer.reason


def test_halves_of_surrogate_pairs_are_no_text_of_a_token(prover: Prover) -> None:
    """UTF-8 has none, so Google's runtime has none, and no token with one is read here."""
    assert isinstance(prover.find_admitted(ZONE + r".matches('^[\\x{D800}-\\x{DFFF}]$')"), NoneFound)
    alone = f'size({ZONE}) == 1 && {ZONE} > "\ud7ff"'
    assert isinstance(prover.prove(alone, f'{ZONE} >= "\ue000"'), Proved)
    compared = f"{alone} && {ZONE} == assertion.submods.gce.instance_name"
    undecided = prover.prove(compared, f'{ZONE} >= "\ue000"')
    assert isinstance(undecided, Undecided)
    assert "half a surrogate pair" in undecided.reason


def test_a_solver_that_hangs_is_killed_and_the_next_question_is_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = tmp_path / "z3"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o700)
    with Prover(budget_s=0.3) as prover:
        with monkeypatch.context() as patch:
            patch.setattr(solver, "find_z3", lambda: str(hanging))
            answer = prover.prove(STABLE, NOT_DEBUG)
        assert answer == Undecided(reason="the time for this question is over (0.3 s)")
        assert prover._solver._process is None
    with Prover() as another:
        assert isinstance(another.prove(STABLE, NOT_DEBUG), Proved)


@pytest.mark.parametrize(
    "printed", ["", "(error nonsense)", "sat\nsat", "unsat\n(error)", "unknown", "unsat", "sat", "\\000"]
)
def test_a_solver_that_talks_nonsense_is_never_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: str
) -> None:
    babbling = tmp_path / "z3"
    babbling.write_text(f"#!/bin/sh\nwhile true; do printf '{printed}\\nsymbolon-end\\n'; sleep 0.05; done\n")
    babbling.chmod(0o700)
    monkeypatch.setattr(solver, "find_z3", lambda: str(babbling))
    assert isinstance(prove(STABLE, NOT_DEBUG, budget_s=0.5), Undecided)


def test_a_solver_that_dies_is_undecided_and_replaced(prover: Prover) -> None:
    with Prover() as mortal:
        assert mortal.start()
        process = mortal._solver._process
        assert process is not None
        process.kill()
        answer = mortal.prove(STABLE, NOT_DEBUG)
        assert isinstance(answer, Undecided | Proved)
        assert isinstance(mortal.prove(STABLE, NOT_DEBUG), Proved)


def test_without_a_solver_nothing_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "find_z3", lambda: None)
    assert prove(STABLE, NOT_DEBUG) == Undecided(reason=NOT_INSTALLED)
    assert find_admitted("true") == Undecided(reason=NOT_INSTALLED)


def test_a_witness_that_the_evaluator_denies_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "fits", lambda _, **__: False)
    answer = prove(PINNED, NOT_DEBUG)
    assert isinstance(answer, Undecided)
    assert "please report it" in answer.reason


def test_a_condition_that_google_would_refuse_is_refused(prover: Prover) -> None:
    with pytest.raises(InvalidExpression):
        prover.prove(policy_set_of("assertion.sub =="), "true")
    with pytest.raises(InvalidExpression):
        prover.prove("true", "assertion.sub ==")


def test_the_sample_is_a_token_that_the_issuer_could_sign() -> None:
    assert fits(SAMPLE)


def test_a_counterexample_is_near_the_sample_that_was_given(debug_tokens: list[dict[str, Any]]) -> None:
    production = copy.deepcopy(dict(SAMPLE)) | {"aud": "mine", "swversion": ["1"]}
    with Prover(sample=production) as near:
        token = refuted_token(near.prove(PINNED, NOT_DEBUG))
    assert (token["aud"], token["swversion"]) == ("mine", ["1"])
    with Prover(sample=debug_tokens[0]) as near_debug:
        assert isinstance(near_debug.prove(PINNED, NOT_DEBUG), Refuted)


def refuted_token(answer: object) -> Mapping[str, Any]:
    assert isinstance(answer, Refuted) and answer.token is not None
    return answer.token


def test_nearest_keeps_no_difference_that_can_be_undone() -> None:
    sample = {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
    found = {"a": 9, "b": {"c": 9}, "f": 9}
    near = nearest(found, sample, lambda token: token.get("a") == 9 and "d" not in token["b"])  # type: ignore[operator]
    assert near == {"a": 9, "b": {"c": 2}, "e": 4}


@pytest.mark.parametrize(
    "hole",
    [
        pytest.param(f'{ZONE}.matches("\\\\p{{Gre" + "ek}}|.*")', id="a script's name, computed"),
        pytest.param(f'{ZONE}.matches("{"(" * 51}a{")" * 51}" + "|.*")', id="groups deeper than ours"),
        pytest.param('"a".matches("\\\\p{Gre" + "ek}|.*")', id="the same of constants"),
        pytest.param('["a"].exists(x, x.matches("\\\\p{Gre" + "ek}|.*"))', id="the same within a macro"),
        pytest.param("{true: 1, 1: 2}.size() == 2", id="a bool and an int as keys"),
        pytest.param("{1: 1, 1u: 2}.size() == 2", id="an int and a uint as keys"),
        pytest.param('double("0x1p3") == 8.0', id="a hexadecimal number"),
        pytest.param('"""a\rb""" == "a\\nb"', id="a carriage return within a string"),
    ],
)
def test_what_google_may_find_true_is_not_taken_for_never_true(prover: Prover, hole: str) -> None:
    """Google's evaluator, cel-cpp, finds every one of these true."""
    answer = prover.prove(f"({HARDENED}) || {hole}", NOT_DEBUG)
    assert isinstance(answer, Undecided | Refuted)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        ("assertion.iat == 9007199254740992.0", "assertion.iat == 9007199254740992"),
        ("assertion.iat <= 9007199254740992.0", "assertion.iat <= 9007199254740992"),
        ("assertion.iat >= 9223372036854775808.0", "assertion.iat == 9223372036854775807"),
        ("assertion.iat == -9223372036854775808.0", "assertion.iat == -9223372036854775807 - 1"),
    ],
)
def test_an_integer_beside_a_double_is_rounded_first(prover: Prover, condition: str, that: str) -> None:
    refuted(prover.prove(condition, that), condition, that)


def test_integers_that_a_double_stands_for_are_all_there_are(
    proved: Callable[[str, str], Proved], prover: Prover
) -> None:
    proved("assertion.iat == 9007199254740992.0", "assertion.iat in [9007199254740992, 9007199254740993]")
    proved("assertion.iat < 1.5", "assertion.iat <= 1")
    proved("assertion.iat < 9223372036854775808.0", "assertion.iat <= 9223372036854775295")
    assert isinstance(prover.find_admitted("assertion.iat > 1e300 || assertion.iat == 0.0 / 0.0"), NoneFound)


NAME = "assertion.submods.gce.instance_name"


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (rf'{ZONE} == {NAME} && {ZONE}.matches("^[^\\x{{0}}-\\x{{2FFFE}}]$")', rf'{ZONE} == "\U0002FFFF"'),
        (
            rf'{ZONE} < {NAME} && {ZONE}.matches("^[^\\x{{0}}-\\x{{2FFFE}}]$")',
            f"{NAME} != '' && {ZONE} == {NAME}",
        ),
        (f"{ZONE} == {NAME} && {ZONE} != ''", rf'{ZONE} < "\U00030000"'),
    ],
)
def test_characters_beyond_the_solvers_are_not_taken_for_its_last_one(
    prover: Prover, condition: str, that: str
) -> None:
    answer = prover.prove(condition, that)
    assert isinstance(answer, Undecided)
    assert "beyond U+2EFFF" in answer.reason


def _mapped(condition: str, policies: str) -> PolicySet:
    provider = {
        "name": "projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
        "state": "ACTIVE",
        "attributeMapping": {"google.subject": policies},
        "attributeCondition": condition,
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    return parse_policy_set(json.dumps(provider), name="provider.json")


def test_two_unknown_things_of_one_token_are_not_one(prover: Prover) -> None:
    """Of more accounts than the solver sees, one may be the bad one and another not."""
    slots = " && ".join(f'{ACCOUNTS}[{i}] != "evil@x"' for i in range(6))
    old = _mapped(f'!("evil@x" in {ACCOUNTS})', "assertion.sub")
    new = _mapped(f'{slots} && !("b@x" in {ACCOUNTS})', "assertion.sub")
    found = prover.find_newly_admitted(old, new)
    assert isinstance(found, Found)
    assert found.token["google_service_accounts"].index("evil@x") >= 6  # type: ignore[attr-defined]


def test_what_a_mapping_leaves_unknown_says_nothing_of_the_condition(prover: Prover) -> None:
    policies = _mapped(f'!("evil@x" in {ACCOUNTS})', 'assertion.sub.split("/")[0]')
    answer = prover.prove(policies, f"size({ACCOUNTS}) <= 100")
    assert isinstance(answer, Undecided | Refuted)
    if isinstance(answer, Refuted) and answer.token is not None:
        assert len(answer.token["google_service_accounts"]) == 101  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "condition",
    ["assertion.new == 1.5", 'assertion.new.a.b == "x"', "assertion.new.exists(v, v == 2)"],
)
def test_of_a_claim_that_no_document_names_even_the_type_is_not_known(prover: Prover, condition: str) -> None:
    answer = prover.find_admitted(condition)
    assert isinstance(answer, Undecided) and answer.bounded
    assert "`new` has at most the types" in answer.reason
    assert isinstance(prover.assuming_documented().find_admitted(condition), NoneFound)


@pytest.mark.parametrize(
    "part",
    [
        f'double("{"1" * 1000}") > 1.0',
        f"int(double('{'1' * 1000}')) == 1",
        f'{ZONE}.extract("{{a}}{{b}}") == "x"',
        f'"{"x" * 40_000}" + {ZONE} + "{"x" * 40_000}" == "y"',
    ],
)
def test_what_is_not_known_of_constants_is_no_fact(prover: Prover, part: str) -> None:
    try:
        answer = prover.find_admitted(f"({part}) || !({part})")
    except InvalidExpression:
        return  # too long for a condition
    assert isinstance(answer, Undecided | Found)
