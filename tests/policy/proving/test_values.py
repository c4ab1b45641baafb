"""What a claim can be in admitted tokens: every set that is called finite is attacked when its test ends.

Source: tests/policy/conftest.py, `attack`, for how; policy/proving/smt/enumerating.py, for what is attacked.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from attestation.issuer import ISSUER
from policy.mapping import RECOMMENDED_MAPPING
from policy.policy_set import PolicySet, parse_policy_set, policy_set_of
from policy.proving.answers import Found, Undecided, Values
from policy.proving.attacking import Attack, another_value
from policy.proving.prover import Prover
from policy.proving.smt.questions import Case
from policy.proving.smt.tokens import SAMPLE
from tests.policy.proving.conftest import Policies

CONTAINER = "assertion.submods.container"
ATTRIBUTES = "assertion.submods.confidential_space.support_attributes"
ZONE = "assertion.submods.gce.zone"
PROJECT = "assertion.submods.gce.project_id"
DIGEST = "sha256:" + "a" * 64
POOL = "projects/1/locations/global/workloadIdentityPools/primus/providers"
CLAIMS = (
    *("swname", "dbgstat", "hwmodel", "secboot", "aud", "submods.gce.zone", "google_service_accounts"),
    *("submods.container.image_reference", "submods.container.image_digest", "submods.container.env"),
    *("submods.container.env_override", "submods.container.cmd_override", "submods.container.args"),
    *("submods.container.env_override.X", "submods.nvidia_gpu.cc_mode", "swversion", "eat_nonce"),
    *("submods.confidential_space.support_attributes", "google.subject", "google.groups", "attribute.a"),
)

SUPPORTED = ("LATEST", "STABLE", "USABLE")


def finite(prover: Prover, policy: PolicySet | str, claim: str) -> tuple[object, ...]:
    """The values; a token that has one of them is what most of the attack is made of."""
    values = prover.values_of(policy, claim)
    assert isinstance(values, Values) and values.finite is not None, values
    assert isinstance(prover.find_admitted(policy), Found)
    return values.finite


@pytest.mark.parametrize(
    ("condition", "claim", "expected"),
    [
        (f'{ZONE} == "a" || {ZONE} in ["b", "a"]', "submods.gce.zone", ("a", "b")),
        (f'{ZONE}.matches("^(a|bc?)$")', "submods.gce.zone", ("a", "b", "bc")),
        (f'{ZONE} in ["a", "ab", "b"] && {ZONE}.startsWith("a")', "submods.gce.zone", ("a", "ab")),
        (f'{ZONE} in ["a", "b"] && !({ZONE} != "a")', "submods.gce.zone", ("a",)),
        (f'{ZONE} == "a" ? {ZONE} < "b" : {ZONE} == ""', "submods.gce.zone", ("", "a")),
        (f'{ZONE} + "x" in ["ax", "b"]', "submods.gce.zone", ("a",)),
        (f'{ZONE} in ["\\u0000", "é", "\\U0001F600"]', "submods.gce.zone", ("\x00", "é", "\U0001f600")),
        (f'{CONTAINER}.image_digest == "{DIGEST}"', "submods.container.image_digest", (DIGEST,)),
        (f'"STABLE" in {ATTRIBUTES}', "dbgstat", ("disabled-since-boot",)),
        (
            "assertion.hwmodel in ['GCP_AMD_SEV', 'GCP_INTEL_TDX'] && assertion.hwmodel != 'GCP_AMD_SEV'",
            "hwmodel",
            ("GCP_INTEL_TDX",),
        ),
        (f'{CONTAINER}.args == ["a", "b"]', "submods.container.args", ("a", "b")),
        (
            f'{CONTAINER}.env_override.all(name, name in ["A", "B"])',
            "submods.container.env_override",
            ("A", "B"),
        ),
        (f'{CONTAINER}.env_override == {{"A": "1"}}', "submods.container.env_override.A", ("1",)),
        ('assertion.aud == "a" || assertion.aud == "b"', "aud", ("a", "b")),
        ('attribute.a == "x" || attribute.b == "y" && attribute.a == "z"', "attribute.a", ("x", "z")),
        ('google.subject in ["x", "y"]', "google.subject", ("x", "y")),
    ],
)
def test_what_is_listed_is_all(
    prover: Prover, condition: str, claim: str, expected: tuple[object, ...]
) -> None:
    assert finite(prover, condition, claim) == tuple(sorted(expected, key=repr))


@pytest.mark.parametrize(
    ("condition", "claim", "expected"),
    [
        (
            "assertion.hwmodel != 'GCP_AMD_SEV'",
            "hwmodel",
            ("GCP_AMD_SEV_ES", "GCP_AMD_SEV_SNP", "GCP_INTEL_TDX", "GCP_SHIELDED_VM"),
        ),
        (f'"STABLE" in {ATTRIBUTES}', "submods.confidential_space.support_attributes", SUPPORTED),
    ],
)
def test_what_is_documented_is_all_only_for_whoever_assumes_that(
    prover: Prover, condition: str, claim: str, expected: tuple[object, ...]
) -> None:
    with Prover(documented=True) as assuming:
        assert finite(assuming, condition, claim) == expected
    values = prover.values_of(condition, claim)
    assert isinstance(values, Values) and values.finite is None


@pytest.mark.parametrize(
    ("condition", "claim"),
    [
        (f'{CONTAINER}.env.A == "1" && size({CONTAINER}.env) > 1', "submods.container.env"),
        (f'{CONTAINER}.args[0] == "a"', "submods.container.args"),
        (f'{ZONE} in ["a", "b"] || {ZONE} != "c"', "submods.gce.zone"),
        ('attribute.exists(name, name == "a")', "attribute"),
    ],
)
def test_values_that_are_named_among_others_without_end_are_no_finite_set(
    prover: Prover, condition: str, claim: str
) -> None:
    values = prover.values_of(condition, claim)
    assert isinstance(values, Values)
    assert values.finite is None and len(set(values.examples)) == 2


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("attribute.part in ['a', 'b']", ("a", "b")),
        (f"attribute.part.startsWith('') && {ZONE} == 'x-y'", ("x",)),
        ("attribute.part != 'a'", None),
    ],
)
def test_parts_of_a_string_are_all_listed_or_nothing_is_said(
    prover: Prover, condition: str, expected: tuple[object, ...] | None
) -> None:
    mapping = {"attribute.part": f"{ZONE}.extract('{{part}}-')"}
    policies = parse_policy_set(
        json.dumps(provider("one-provider", condition, **mapping)), name="provider.json"
    )
    values = prover.values_of(policies, "attribute.part")
    assert isinstance(values, Undecided) or values.finite == expected
    assert isinstance(prover.find_admitted(policies), Found)


def provider(name: str, condition: str, **mapping: str) -> dict[str, Any]:
    return {
        "name": f"{POOL}/{name}",
        "oidc": {"issuerUri": ISSUER},
        "attributeMapping": dict(RECOMMENDED_MAPPING) | mapping,
        "attributeCondition": condition,
    }


def test_several_providers_add_up_each_through_its_own_mapping(prover: Prover) -> None:
    listed = [
        provider("one-provider", "attribute.kind == 'a'", **{"attribute.kind": PROJECT}),
        provider("other-provider", f"attribute.kind == 'b' && {PROJECT} == 'c'", **{"attribute.kind": ZONE}),
    ]
    policies = parse_policy_set(json.dumps(listed), name="providers.json")
    assert finite(prover, policies, "attribute.kind") == ("a", "b")
    assert finite(prover, policies, "submods.gce.project_id") == ("a", "c")


@pytest.mark.parametrize("part", range(4))
def test_of_random_conditions_too(policies: Policies, part: int) -> None:
    """Whatever the condition looks like; most values are finite only where documented ones are all."""
    answers = []
    with Prover(budget_s=2, documented=True) as quick:
        for _ in range(40):
            claim = policies.pick.choice(CLAIMS)
            condition = f"{policies.condition()} && {policies.condition(1)}"
            answers.append(quick.values_of(condition, claim))
            quick.find_admitted(condition)
    assert any(isinstance(each, Values) and each.finite for each in answers)
    assert not all(isinstance(each, Undecided) for each in answers)


def test_that_nobody_is_admitted_is_no_value_whatever_the_solver_would_say(prover: Prover) -> None:
    """`attribute` has one entry too few: no formula is left of it."""
    policies = parse_policy_set(
        json.dumps(provider("one-provider", 'attribute == {"a": "b"} && attribute == {}')),
        name="provider.json",
    )
    values = prover.values_of(policies, "submods.gce.zone")
    assert isinstance(values, Values) and values.finite == ()


@pytest.mark.parametrize(
    ("condition", "claim", "known"),
    [
        pytest.param(f'{ZONE} in ["a", "b"]', "submods.gce.zone", ("a",), id="a value"),
        pytest.param(
            f'{CONTAINER}.args.all(v, v in ["a", "b"])', "submods.container.args", ("a",), id="an element"
        ),
        pytest.param(f'{CONTAINER}.env.all(v, v in ["a", "b"])', "submods.container.env", ("a",), id="a key"),
    ],
)
def test_a_value_that_was_left_out_is_found_by_the_attack_of_the_product(
    monkeypatch: pytest.MonkeyPatch, condition: str, claim: str, known: tuple[object, ...]
) -> None:
    def forgetful(*_: object, **__: object) -> Values:
        return Values(finite=known, examples=known, absent=True, bounded=False)

    with Prover(attack=Attack(count=300)) as attacked:
        right = attacked.values_of(condition, claim)
        assert isinstance(right, Values) and "Google's runtime" in right.attacked
        monkeypatch.setattr("policy.proving.prover.enumerate_values", forgetful)
        wrong = attacked.values_of(condition, claim)
    assert isinstance(wrong, Undecided)
    assert wrong.reason == "an attack found another value: please report it"


def test_both_readers_find_a_token_with_another_value() -> None:
    values = Values(finite=("a",), examples=("a",), absent=False, bounded=False)
    question = another_value(policy_set_of(f'{ZONE} in ["a", "b"]'), ZONE, values)
    assert question.peer is not None
    peer = question.peer()
    for zone, is_another in (("a", False), ("b", True), ("c", False)):
        gce = {**SAMPLE["submods"]["gce"], "zone": zone}  # type: ignore[index]
        case = Case(assertion={**SAMPLE, "submods": {**SAMPLE["submods"], "gce": gce}})  # type: ignore[dict-item]
        assert question.holds(case) is is_another
        assert peer(case) is is_another
