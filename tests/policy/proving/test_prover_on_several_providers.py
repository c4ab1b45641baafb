"""Providers admit together, and each sees what its own mapping makes of a token."""

from __future__ import annotations

import json

import pytest

from policy.policy_set import PolicySet, parse_policy_set
from policy.proving.answers import Found, Proved, Refuted, Undecided
from policy.proving.prover import Prover
from tests.policy.proving.asking import CONTAINER, DIGEST, NOT_DEBUG, PINNED, STABLE, ZONE


def providers(*conditions: str, mapping: dict[str, str] | None = None) -> PolicySet:
    return parse_policy_set(
        json.dumps(
            [
                {
                    "name": f"projects/1/locations/global/workloadIdentityPools/pool/providers/prov{number}",
                    "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
                    "attributeMapping": mapping or {"google.subject": "assertion.submods.gce.instance_id"},
                    "attributeCondition": condition,
                }
                for number, condition in enumerate(conditions)
            ]
        ),
        name="providers.json",
    )


def test_admission_of_several_providers_is_their_union(prover: Prover) -> None:
    both = providers(f"{NOT_DEBUG} && {STABLE}", 'assertion.dbgstat == "enabled"')
    assert isinstance(prover.prove(providers(f"{NOT_DEBUG} && {STABLE}"), NOT_DEBUG), Proved)
    answer = prover.prove(both, NOT_DEBUG)
    assert isinstance(answer, Refuted) and answer.token is not None
    assert answer.token["dbgstat"] == "enabled"


def test_a_mapped_attribute_is_what_its_expression_says(prover: Prover) -> None:
    policies = providers(
        f'attribute.digest == "{DIGEST}"',
        mapping={
            "google.subject": "assertion.submods.gce.instance_id",
            "attribute.digest": f"{CONTAINER}.image_digest",
        },
    )
    assert isinstance(prover.prove(policies, PINNED), Proved)


@pytest.mark.parametrize(
    "condition",
    [
        '"zone" in attribute',
        'attribute["zo" + "ne"] == "a"',
        "size(attribute) == 1",
        f'attribute == {{"zone": {ZONE}}}',
        'attribute.exists(name, name == "zone")',
        'attribute.map(name, attribute[name]) == ["a"]',
        "[attribute].exists(each, has(each.zone))",
        '[attribute][0].zone == "a"',
        '{"x": attribute}.x.zone == "a"',
        '(true ? attribute : google).zone == "a"',
        "has(dyn(attribute).zone)",
        '[{"zone": "b"}].exists(attribute, .attribute.zone == "a" && attribute.zone == "b")',
        '"subject" in google && google["groups"][0] == "a"',
        'google.groups[0] == "a"',
        "size(google) == 2",
    ],
)
def test_what_is_mapped_is_seen_however_it_is_read(prover: Prover, condition: str) -> None:
    policies = providers(
        condition,
        mapping={
            "google.subject": "assertion.submods.gce.instance_id",
            "google.groups": "assertion.google_service_accounts",
            "attribute.zone": ZONE,
        },
    )
    found = prover.find_admitted(policies)
    assert isinstance(found, Found), found
    assert isinstance(prover.find_admitted(policies, f"!({condition})"), Proved)


@pytest.mark.parametrize(
    "condition",
    ["!has(attribute.kind)", "has(attribute.kind)", "size(attribute) == 0", "!has(google.groups)"],
)
def test_of_an_attribute_that_is_no_string_nothing_is_proved(prover: Prover, condition: str) -> None:
    mapping = {
        "google.subject": "assertion.submods.gce.instance_id",
        "google.groups": "[assertion.iat]",
        "attribute.kind": "assertion.secboot",
    }
    answer = prover.find_admitted(providers(condition, mapping=mapping))
    assert isinstance(answer, Undecided) and "that is no string" in answer.reason
    unread = prover.prove(providers("assertion.secboot", mapping=mapping), "assertion.secboot")
    assert isinstance(unread, Proved)


@pytest.mark.parametrize("mapped", [f"{CONTAINER}.env.map(k, k)", f"{CONTAINER}.env.filter(k, k != 'z')"])
def test_the_order_of_variables_proves_nothing(prover: Prover, mapped: str) -> None:
    for condition in (f'{mapped} == ["a", "b"]', f'{mapped}[0] == "a"', f'({mapped} + ["x"])[1] == "b"'):
        answer = prover.find_admitted(condition)
        assert isinstance(answer, Undecided) and "the order in which a map" in answer.reason, condition
    assert isinstance(prover.prove(f"size({mapped}) == 0", f'!("a" in {CONTAINER}.env)'), Proved)


def test_a_counterexample_has_numbers_that_a_reader_of_tokens_takes(prover: Prover) -> None:
    answer = prover.prove("assertion.exp > 5 && assertion.iat != 7", "assertion.exp > 2000000000")
    assert isinstance(answer, Refuted) and answer.token is not None
    large = prover.prove("assertion.exp > assertion.iat", "assertion.exp <= 1760003600")
    assert isinstance(large, Refuted) and large.token is not None
    assert all(abs(large.token[name]) < 2**53 for name in ("exp", "iat"))  # type: ignore[arg-type]


def test_a_subject_joined_of_claims_is_taken_apart(prover: Prover) -> None:
    policies = providers(
        f'google.subject == "gcpcs::{DIGEST}::1::2"',
        mapping={
            "google.subject": f'"gcpcs::" + {CONTAINER}.image_digest'
            ' + "::" + assertion.submods.gce.project_number + "::" + assertion.submods.gce.instance_id'
        },
    )
    assert isinstance(prover.prove(policies, PINNED), Proved)


def test_a_token_that_the_mapping_refuses_is_no_counterexample(prover: Prover) -> None:
    mapping = {"google.subject": f"{CONTAINER}.env.SUBJECT"}
    answer = prover.prove(
        providers("true", mapping=mapping), f"has({CONTAINER}.env) && {CONTAINER}.env.SUBJECT != ''"
    )
    assert isinstance(answer, Proved)


def test_a_quoted_mapping_is_a_constant(prover: Prover) -> None:
    policies = providers("google.subject == 'assertion.sub'", mapping={"google.subject": "'assertion.sub'"})
    assert isinstance(prover.find_admitted(policies), Found)


def test_attributes_of_a_bare_condition_may_be_anything(prover: Prover) -> None:
    answer = prover.prove("attribute.zone == 'a' && google.subject == 'b'", f"{ZONE} == 'a'")
    assert isinstance(answer, Refuted)
    assert answer.attribute == {"zone": "a"}
    assert answer.google["subject"] == "b"
