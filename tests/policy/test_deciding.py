"""One decision for a provider and a verified assertion: admitted, refused, or not known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from policy.cel.condition import compile_condition
from policy.deciding import Outcome, decide, decide_condition, sum_of
from policy.provider import Provider, parse_provider

NAME = "projects/1/locations/global/workloadIdentityPools/pool/providers/prov"
GITHUB = "https://token.actions.githubusercontent.com"
UNREAD = 'assertion.a.matches("\\\\p{" + "Greek}")'
"""A pattern that RE2 reads and this project does not."""


def provider(condition: str = "", **mapping: str) -> Provider:
    document = {
        "name": NAME,
        "attributeMapping": {"google.subject": "assertion.sub"} | mapping,
        "attributeCondition": condition,
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    return parse_provider(json.loads(json.dumps(document)))


def test_a_token_is_admitted_where_the_mapping_succeeds_and_every_clause_is_true() -> None:
    decision = decide(provider('assertion.a == "x"'), {"sub": "s", "a": "x"})
    assert decision.admitted and decision.refusal is None and decision.unknown == ""
    assert decision.mapped is not None and decision.mapped.google == {"subject": "s"}


def test_a_disabled_provider_refuses_whatever_its_condition_says() -> None:
    decision = decide(replace(provider("true"), disabled=True), {"sub": "s"})
    assert decision.outcome == "refused" and decision.trace is None
    assert decision.refusal is not None
    assert (decision.refusal.field, decision.refusal.error) == ("disabled", "invalid_target")


def test_a_mapping_that_fails_is_a_refusal_in_the_words_of_sts() -> None:
    decision = decide(provider("true"), {})
    assert decision.outcome == "refused" and decision.mapped is None
    assert decision.refusal is not None
    assert (decision.refusal.field, decision.refusal.error) == ("attributeMapping", "unauthorized_client")
    assert decision.refusal.message.startswith("Could not obtain a value for google.subject")


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        pytest.param(UNREAD, "unknown", id="an unread pattern is unknown"),
        pytest.param(f"!{UNREAD}", "unknown", id="its negation is as well"),
        pytest.param(f'{UNREAD} && assertion.a == "x"', "unknown", id="a true clause beside it"),
        pytest.param(f'{UNREAD} && assertion.a == "y"', "refused", id="a false clause refuses"),
        pytest.param(f"{UNREAD} && assertion.none == 1", "refused", id="an error refuses"),
        pytest.param(f'{UNREAD} || assertion.a == "x"', "admitted", id="a true alternative"),
        pytest.param(f"({UNREAD} && assertion.none) || true", "admitted", id="true absorbs"),
        pytest.param(f"!(assertion.none && {UNREAD})", "unknown", id="false could absorb the error"),
        pytest.param(f"!({UNREAD} && assertion.none)", "unknown", id="in either order"),
        pytest.param(f"assertion.none || {UNREAD}", "unknown", id="true could absorb the error"),
        pytest.param(f"[1, 2].exists(i, i == 3 || {UNREAD})", "unknown", id="within a macro"),
        pytest.param(f"[1, 2].exists(i, {UNREAD} || i == 2)", "admitted", id="a macro that is settled"),
        pytest.param(f"[1].all(i, assertion.none) || {UNREAD}", "unknown", id="after a macro's error"),
        pytest.param(f"({UNREAD} ? 1 : 1) == 1", "unknown", id="a ternary's condition"),
        pytest.param(f"[{UNREAD}, true][1]", "unknown", id="an item of a list"),
        pytest.param(f"{{'a': {UNREAD}}}.a", "unknown", id="an entry of a map"),
        pytest.param('assertion.a.matches("(")', "refused", id="what RE2 refuses is an error"),
        pytest.param("assertion.big > 1", "unknown", id="a number beyond 64 bits"),
        pytest.param("assertion.big == 1 || false", "unknown", id="such a number compared"),
        pytest.param("double(assertion.digits) > 1.0", "unknown", id="a very long number"),
        pytest.param("int(assertion.zeros) == 7", "admitted", id="a long integer"),
        pytest.param('assertion.a.extract("no hole") == ""', "unknown", id="a template without a hole"),
        pytest.param("size({true: 1, 1: 2, 1u: 3}) == 3", "admitted", id="keys of three types"),
        pytest.param("{1: 'a', 1u: 'b'}[1] == 'a'", "admitted", id="a key of its own type first"),
        pytest.param("{1u: 'b'}[1] == 'b' && {1: 'c'}[1.0] == 'c'", "admitted", id="then an equal one"),
        pytest.param("{1: 2, assertion.one: 3}.size() == 2", "refused", id="a repeated key is an error"),
    ],
)
def test_what_is_not_known_neither_admits_nor_refuses(condition: str, outcome: Outcome) -> None:
    claims = {"a": "x", "big": 2**64, "digits": "1" * 1000, "zeros": "0" * 500 + "7", "one": 1}
    decision = decide_condition(condition, claims)
    assert decision.outcome == outcome
    assert bool(decision.unknown) is (outcome == "unknown")


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ("true", "unknown"),  # what else it maps is not known, and sizes and principals depend on it
        ("attribute.kind == 'x'", "unknown"),
        ("has(attribute.kind)", "unknown"),
        ("size(attribute) == 1", "unknown"),
        ("attribute.kind == 'x' && assertion.a == 'y'", "refused"),
    ],
)
def test_an_attribute_that_is_not_known_makes_what_reads_it_unknown(condition: str, outcome: Outcome) -> None:
    decision = decide(
        provider(condition, **{"attribute.kind": f"{UNREAD} ? 'x' : 'y'"}), {"sub": "s", "a": "x"}
    )
    assert decision.outcome == outcome


def test_a_condition_reads_what_was_mapped() -> None:
    mapped = provider("google.subject == 's' && attribute.kind == 'x'", **{"attribute.kind": "assertion.a"})
    assert decide(mapped, {"sub": "s", "a": "x"}).outcome == "admitted"
    assert decide(mapped, {"sub": "t", "a": "x"}).outcome == "refused"
    assert decide(mapped, {"sub": "s", "a": "y"}).outcome == "refused"


def test_of_a_subject_that_is_not_known_nothing_is_admitted_that_reads_it() -> None:
    unknown_subject = provider("google.subject == 's'", **{"google.subject": f"{UNREAD} ? 's' : 't'"})
    decision = decide(unknown_subject, {"a": "x"})
    assert decision.outcome == "unknown" and not decision.unknown.startswith("mapping of")


def test_a_condition_alone_is_decided_as_text_and_as_it_was_compiled() -> None:
    for condition in ("google.subject == 's'", compile_condition("google.subject == 's'")):
        assert decide_condition(condition, {}, {"subject": "s"}).admitted
        decision = decide_condition(condition, {}, {"subject": "t"})
        assert decision.outcome == "refused" and decision.mapped is None


def test_a_subject_that_is_not_known_is_no_refusal() -> None:
    unknown_subject = provider("true", **{"google.subject": f"{UNREAD} ? 's' : ''"})
    decision = decide(unknown_subject, {"a": "x"})
    assert decision.outcome == "unknown" and decision.unknown.startswith("mapping of `google.subject`: ")


def test_one_provider_that_admits_is_enough_and_one_that_is_unknown_is_no_refusal() -> None:
    assert sum_of(["refused", "unknown", "admitted"]) == "admitted"
    assert sum_of(["refused", "unknown"]) == "unknown"
    assert sum_of(["refused", "refused"]) == "refused"


def test_of_another_issuers_claims_no_word_of_confidential_space_is_said() -> None:
    github = replace(provider('assertion.dbgstat == "x" && assertion.repository == "y"'), issuer=GITHUB)
    trace = decide(github, {"sub": "s"}).trace
    assert trace is not None
    assert [each.reason for each in trace.clauses] == [
        '`dbgstat` is absent, must be "x"',
        '`repository` is absent, must be "y"',
    ]
    assert not any("operator" in each.fix or "launch" in each.fix for each in trace.clauses)


@pytest.mark.parametrize(
    "condition", ["!has(google.groups)", 'attribute.image_digest == "x"', "google.subject != 'x'"]
)
def test_of_a_condition_alone_it_is_not_known_what_is_mapped(condition: str) -> None:
    decision = decide_condition(condition, {"sub": "s"})
    assert decision.outcome == "unknown" and "what the provider maps" in decision.unknown
    assert decide_condition(condition, {"sub": "s"}, {}, {}).outcome != "unknown"
