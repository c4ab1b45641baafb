"""`symbolon auditor explain` on several providers, in a list or in a plan."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.symbolon.auditor.explaining import (
    AUDIENCE,
    CONDITION,
    POOL,
    PROVIDER,
    Case,
    claims,
    provider,
    without_record,
)
from tests.symbolon.conftest import Ask

OTHER = f"{POOL}/providers/another-provider"


def listed(*changes: dict[str, object]) -> str:
    """As `gcloud iam workload-identity-pools providers list --format=json` prints them."""
    return json.dumps([json.loads(provider(**each)) for each in changes])


def planned(*changes: dict[str, object]) -> str:
    """As `terraform show -json` prints the plan of such providers."""
    resources: list[dict[str, object]] = []
    for each in changes:
        document = json.loads(provider(**each))
        values = {
            "name": document["name"],
            "attribute_mapping": document["attributeMapping"],
            "attribute_condition": document["attributeCondition"],
            "oidc": [{"issuer_uri": document["oidc"]["issuerUri"]}],
        }
        resources.append(
            {
                "address": f"google_iam_workload_identity_pool_provider.p{len(resources)}",
                "mode": "managed",
                "type": "google_iam_workload_identity_pool_provider",
                "values": values,
            }
        )
    return json.dumps({"planned_values": {"root_module": {"resources": resources}}})


@pytest.mark.parametrize("written", [listed, planned], ids=["a list", "a plan"])
def test_one_provider_in_a_list_or_a_plan_is_answered_as_it_is_alone(
    ask: Ask, case: Case, written: Callable[..., str]
) -> None:
    case.sign(claims(dbgstat="enabled"))
    alone = ask(*case.verified(), "--format", "json")
    case.policy.write_text(written({}))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, without_record(answered.json)) == (alone.code, without_record(alone.json))


@pytest.mark.parametrize("written", [listed, planned], ids=["a list", "a plan"])
def test_one_of_several_providers_is_enough_and_each_says_what_it_says(
    ask: Ask, case: Case, written: Callable[..., str]
) -> None:
    loose = {"name": OTHER, "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'"}
    case.policy.write_text(written({}, loose))
    both = [AUDIENCE, f"https://iam.googleapis.com/{OTHER}"]
    case.sign(claims(dbgstat="enabled", aud=both))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, answered.json["decision"]) == (0, "admit")
    first, second = answered.json["providers"]
    assert (first["provider"], first["decision"]) == (PROVIDER, "deny")
    assert [clause["outcome"] for clause in first["clauses"]] == ["false", "true"]
    assert (second["provider"], second["decision"]) == (OTHER, "admit")
    human = ask(*case.verified())
    assert human.out.startswith("ADMIT  1 of 2 providers admits it\n")
    assert f"DENY  {PROVIDER}: 1 of 2 clauses does not hold\n" in human.out
    assert f"ADMIT  {OTHER}: all 1 clauses hold\n" in human.out


def test_a_provider_that_does_not_take_the_token_is_told_from_one_that_denies_it(
    ask: Ask, case: Case
) -> None:
    case.policy.write_text(listed({}, {"name": OTHER}))
    case.sign(claims(dbgstat="enabled"))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, answered.json["decision"]) == (3, "deny")
    first, second = answered.json["providers"]
    assert "rejected" not in first
    assert (second["decision"], second["rejected"]["code"]) == ("deny", "wrong-audience")
    human = ask(*case.verified())
    assert human.out.startswith("DENY  none of 2 providers admits it\n")
    assert f"REJECTED  {OTHER}\n" in human.out


def test_a_token_that_no_provider_takes_is_rejected_with_what_each_would_take(ask: Ask, case: Case) -> None:
    case.policy.write_text(listed({}, {"name": OTHER}))
    case.sign(claims(aud="https://elsewhere.example"))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, answered.json["error"]["code"]) == (4, "wrong-audience")
    assert AUDIENCE in answered.json["error"]["hint"]
    assert OTHER in answered.json["error"]["hint"]


UNREAD = 'assertion.sub.matches("\\\\p{Gr" + "eek}|.")'
"""A pattern that Google's RE2 reads, and this project does not."""


def test_what_is_not_known_of_googles_evaluation_is_no_answer(ask: Ask, case: Case) -> None:
    case.policy.write_text(provider(attributeCondition=f"{CONDITION} && {UNREAD}"))
    answered = ask(*case.verified())
    assert (answered.code, answered.err) == (6, "")
    assert answered.out.startswith("UNKNOWN  not known whether Google admits it: `sub` is ")
    assert "scripts are not supported" in answered.out
    document = json.loads(ask(*case.verified(), "--format", "json").out)
    assert document["decision"] == "unknown" and "scripts are not supported" in document["unknown"]
    assert [each["outcome"] for each in document["clauses"]] == ["true", "true", "unknown"]


def test_a_clause_that_refuses_is_an_answer_whatever_is_not_known(ask: Ask, case: Case) -> None:
    case.policy.write_text(provider(attributeCondition=f"{CONDITION} && {UNREAD}"))
    case.sign(claims(dbgstat="enabled"))
    answered = ask(*case.verified())
    assert answered.code == 3 and answered.out.startswith("DENY")


def test_of_several_providers_one_that_is_not_known_is_no_denial(ask: Ask, case: Case) -> None:
    providers = [json.loads(provider(attributeCondition=each)) for each in ("false", UNREAD)]
    case.policy.write_text(json.dumps(providers))
    answered = ask(*case.verified())
    assert answered.code == 6 and answered.out.startswith("UNKNOWN  none of 2 providers admits it")
