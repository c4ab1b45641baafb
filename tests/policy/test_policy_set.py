"""A policy is read from everywhere it is named, and refused in one line where it is none."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from attestation.errors import Misconfigured
from attestation.issuer import ISSUER
from policy.cel.syntax import InvalidExpression
from policy.linting import lint
from policy.mapping import RECOMMENDED_MAPPING
from policy.policy_set import (
    Binding,
    PolicySet,
    parse_bindings,
    parse_labels,
    parse_policy_set,
    policy_set_of,
)

CONDITION = 'assertion.swname == "CONFIDENTIAL_SPACE"'
POOL = "projects/1/locations/global/workloadIdentityPools/primus"
PROVIDER: dict[str, Any] = {
    "name": f"{POOL}/providers/workload",
    "state": "ACTIVE",
    "attributeMapping": dict(RECOMMENDED_MAPPING),
    "attributeCondition": CONDITION,
    "oidc": {"issuerUri": ISSUER, "allowedAudiences": ["https://sts.googleapis.com"]},
}
RESOURCE: dict[str, Any] = {
    "address": "google_iam_workload_identity_pool_provider.workload",
    "mode": "managed",
    "type": "google_iam_workload_identity_pool_provider",
    "values": {
        "project": "primus-project",
        "workload_identity_pool_id": "primus",
        "workload_identity_pool_provider_id": "workload",
        "attribute_condition": CONDITION,
        "attribute_mapping": dict(RECOMMENDED_MAPPING),
        "disabled": None,
        "oidc": [{"issuer_uri": ISSUER, "allowed_audiences": None, "jwks_json": None}],
    },
}


def read(document: object) -> PolicySet:
    return parse_policy_set(json.dumps(document), name="policy.json")


def plan(*resources: object, **more: object) -> dict[str, object]:
    modules = {"child_modules": [{"resources": list(resources)}]}
    return {"format_version": "1.2", "planned_values": {"root_module": modules}, **more}


def test_a_bare_condition_is_a_provider_without_a_name() -> None:
    policies = parse_policy_set(CONDITION, name="policy.cel")
    assert policies.kind == "condition"
    assert [(each.name, each.condition) for each in policies.providers] == [("", CONDITION)]


def test_what_gcloud_describes_is_one_provider() -> None:
    policies = read(PROVIDER)
    assert policies.kind == "provider"
    assert [(each.name, each.condition) for each in policies.providers] == [(PROVIDER["name"], CONDITION)]


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_gcloud_and_the_api_list_are_several(wrapped: bool) -> None:
    other = {"name": f"{POOL}/providers/aws", "aws": {"accountId": "1"}}
    listed: Any = [PROVIDER, {**PROVIDER, "name": f"{POOL}/providers/test", "disabled": True}, other]
    policies = read({"workloadIdentityPoolProviders": listed} if wrapped else listed)
    assert [each.name for each in policies.providers] == [PROVIDER["name"], f"{POOL}/providers/test"]
    assert [each.name for each in policies.active] == [PROVIDER["name"]]
    assert policies.others == (f"{POOL}/providers/aws",)


def test_a_terraform_plan_holds_providers_in_any_of_its_modules() -> None:
    policies = read(plan({"type": "google_project", "mode": "data"}, RESOURCE))
    (provider,) = policies.providers
    assert policies.kind == "terraform"
    assert provider.name == (
        "projects/primus-project/locations/global/workloadIdentityPools/primus/providers/workload"
    )
    assert (provider.condition, provider.issuer, provider.disabled) == (CONDITION, ISSUER, False)


def test_a_condition_that_only_applying_makes_is_not_taken_for_an_empty_one() -> None:
    resource = copy.deepcopy(RESOURCE)
    del resource["values"]["attribute_condition"]
    change = {"address": RESOURCE["address"], "change": {"after_unknown": {"attribute_condition": True}}}
    with pytest.raises(Misconfigured, match=r"`attribute_condition` of `.*` is known only when the plan is"):
        read(plan(resource, resource_changes=[change]))


def test_a_condition_that_google_would_refuse_is_taken_for_a_rule_to_say_so() -> None:
    policies = read({**PROVIDER, "attributeCondition": "assertion."})
    assert policies.providers[0].condition == "assertion."
    with pytest.raises(InvalidExpression):
        policies.admits({})


def test_admission_is_the_union_of_the_providers(good: dict[str, Any]) -> None:
    nobody = {**PROVIDER, "attributeCondition": "false", "name": f"{POOL}/providers/nobody"}
    assert read([nobody, PROVIDER]).admits(good)
    assert not read([nobody, {**PROVIDER, "disabled": True}]).admits(good)


def test_a_token_that_cannot_be_mapped_is_refused(good: dict[str, Any]) -> None:
    policies = read({**PROVIDER, "attributeMapping": {"google.subject": "assertion.no_such_claim"}})
    assert not policies.admits(good)
    assert policy_set_of(CONDITION).admits(good)


def test_bindings_are_one_for_each_member() -> None:
    members = ["user:a@primus.example", "user:b@primus.example"]
    policy = {"bindings": [{"role": "roles/x", "members": members, "condition": {"expression": "true"}}]}
    assert parse_bindings(json.dumps(policy)) == (
        Binding(role="roles/x", member=members[0], condition="true"),
        Binding(role="roles/x", member=members[1], condition="true"),
    )


def test_the_labels_of_an_image_are_in_its_configuration() -> None:
    assert parse_labels('{"config": {"Labels": {"a": "b"}}}') == {"a": "b"}
    assert parse_labels('{"config": {}}') == {}


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("{", "policy.json", "the policy is not JSON"),
        ("[" * 100_000, "policy.json", "the policy is not JSON"),
        ('{"name": 1, "name": 2}', "policy.json", "in the policy, `name` stands twice in one object"),
        ("[]", "policy.json", "no provider of OIDC tokens in it"),
        ("[1]", "policy.json", "this is a list of something else than providers"),
        ("3", "policy.json", "a provider must be a JSON object"),
        ("{}", "policy.json", "this has nothing, where a provider is wanted: it has no `oidc`"),
        ('{"planned_values": []}', "policy.json", "`planned_values` must be a JSON object"),
        ('{"planned_values": {}}', "policy.json", "no provider of OIDC tokens in it"),
        (
            json.dumps({**PROVIDER, "attributeCondition": 1}),
            "policy.json",
            "the provider's `attributeCondition`",
        ),
        (json.dumps([PROVIDER] * 51), "policy.json", "51 providers"),
        ("what = [", "policy.toml", "the policy is not TOML"),
        (" " * (8 * 1024 * 1024 + 1), "policy.json", "a policy of 8,388,609 characters"),
    ],
)
def test_what_is_no_policy_is_refused_in_one_line(text: str, name: str, message: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_policy_set(text, name=name)
    assert refused.value.message.startswith(message)
    assert "\n" not in refused.value.message and len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_bindings, "[]"),
        (parse_bindings, '{"bindings": {}}'),
        (parse_bindings, '{"bindings": [{"members": "allUsers"}]}'),
        (parse_labels, "{}"),
        (parse_labels, '{"config": []}'),
        (parse_labels, '{"config": {"Labels": ["a"]}}'),
    ],
)
def test_what_is_read_beside_a_policy_is_refused_in_one_line(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse(text)
    assert "\n" not in refused.value.message


def test_a_megabyte_of_a_provider_is_read(good: dict[str, Any]) -> None:
    policies = read({**PROVIDER, "description": "x" * 1_000_000, "labels": [[]] * 50_000})
    assert policies.admits(good)


@pytest.mark.parametrize("character", ["\x00", "\ud800", "\u202e"])
def test_characters_that_no_condition_should_hold_are_answered(character: str) -> None:
    for condition in (f'assertion.swname == "{character}"', f"assertion.swname == 'x' {character}"):
        policies = read({**PROVIDER, "attributeCondition": condition})
        findings = lint(policies, None, today=date(2026, 1, 1))
        assert all("\n" not in each.message and character not in each.message for each in findings)
