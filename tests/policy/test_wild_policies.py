"""The policies that people really publish, each with what must be said of it, and one that is fine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from attestation.issuer import ISSUER
from policy.linting import lint, worst
from policy.mapping import RECOMMENDED_MAPPING
from policy.policy_file import parse_policy
from policy.policy_set import PolicySet, parse_policy_set, policy_set_of
from policy.proving.answers import Found
from policy.proving.prover import Prover
from policy.proving.smt.tokens import fits

TODAY = date(2026, 6, 1)
DIGEST = "sha256:" + "a" * 64
CONTAINER = "assertion.submods.container"
ATTRIBUTES = "assertion.submods.confidential_space.support_attributes"
STABLE = f"'STABLE' in {ATTRIBUTES}"
ACCOUNT = "'workload-sa@secundus.iam.gserviceaccount.com' in assertion.google_service_accounts"
POOL = "projects/1/locations/global/workloadIdentityPools/primus-wip"
COMPLETE = f"""
[provider]
project_number = "1"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["{DIGEST}"]
image_references = ["us-docker.pkg.dev/primus/repository/workload@{DIGEST}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
project_ids = ["secundus"]
project_numbers = ["987654321098"]
[how]
args = ["python", "-m", "workload"]
cmd_override = []
env_override = ["INPUT_URI", "RESULT_URI", "TOP_K", "BATCH_SIZE"]
"""
SMALLEST = f"""
[provider]
project_number = "1"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["{DIGEST}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
"""


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as prover:
        yield prover


def provider(condition: str = STABLE, **changed: Any) -> str:
    return json.dumps(
        {
            "name": f"{POOL}/providers/primus-wip-provider",
            "attributeMapping": dict(RECOMMENDED_MAPPING),
            "attributeCondition": condition,
            "oidc": {"issuerUri": ISSUER},
            **changed,
        }
    )


@pytest.mark.parametrize(
    ("condition", "rules"),
    [
        (
            f"assertion.swname == 'CONFIDENTIAL_SPACE' && {STABLE}",
            {"workload-not-pinned", "project-not-pinned"},
        ),
        (f"{CONTAINER}.image_digest == '{DIGEST}' && {ACCOUNT}", {"debug-image-admitted"}),
        (f"'{DIGEST}' in {CONTAINER}.image_digest", {"in-on-a-string", "admits-nobody"}),
        (f"{ATTRIBUTES}.debug_mode == 'false'", {"wrong-type", "admits-nobody"}),
        (f"'USES_SECUREBOOT' in {ATTRIBUTES}", {"value-outside-vocabulary"}),
        ("'assertion.swname == \"CONFIDENTIAL_SPACE\"'", {"quoted-comparison", "admits-nobody"}),
        ("assertion.hwmodel == 'INTEL_TDX'", {"value-outside-vocabulary"}),
        ("assertion.dbgstat != 'enable'", {"deny-list", "value-outside-vocabulary", "debug-image-admitted"}),
        (
            f"(assertion.submods.nvidia_gpu.cc_mode == 'ON' || {STABLE})",
            {"weak-branch", "stable-not-required"},
        ),
        (
            "assertion.dbgstat == 'disabled-since-boot' || true",
            {"weak-branch", "debug-image-admitted", "redundant-clause"},
        ),
        (
            f"{CONTAINER}.image_reference == 'us-docker.pkg.dev/p/r/workload:latest'",
            {"mutable-reference", "workload-not-pinned"},
        ),
        (
            f"{CONTAINER}.image_reference.startsWith('us-docker.pkg.dev/p/r')",
            {"mutable-reference", "workload-not-pinned"},
        ),
        (f"size({CONTAINER}.cmd_override) == 0", {"unguarded-override-size"}),
    ],
)
def test_what_is_wrong_with_it_is_found(condition: str, rules: set[str], prover: Prover) -> None:
    findings = lint(policy_set_of(condition), prover, today=TODAY)
    assert rules <= {each.rule for each in findings}
    assert all(each.decided for each in findings)


def test_every_token_of_a_finding_is_admitted_and_could_be_signed(prover: Prover) -> None:
    policies = parse_policy_set(provider("assertion.dbgstat != 'enable' || true"), name="provider.json")
    tokens = [each.token for each in lint(policies, prover, today=TODAY) if each.token is not None]
    assert len(tokens) > 8
    assert all(policies.admits(token) and fits(token) for token in tokens)


@pytest.mark.parametrize(
    ("text", "beside", "rule"),
    [
        (provider(""), {}, "empty-condition"),
        (provider(attributeMapping={"google.subject": "'assertion.sub'"}), {}, "quoted-mapping"),
        (
            provider(),
            {
                "bindings": json.dumps(
                    {
                        "bindings": [
                            {
                                "role": "roles/iam.workloadIdentityUser",
                                "members": [f"principalSet://iam.googleapis.com/{POOL}/*"],
                            }
                        ]
                    }
                )
            },
            "pool-wide-binding",
        ),
    ],
)
def test_what_is_wrong_around_it_is_found(
    text: str, beside: dict[str, str], rule: str, prover: Prover
) -> None:
    policies = parse_policy_set(text, name="provider.json", **beside)
    assert rule in {each.rule for each in lint(policies, prover, today=TODAY)}


@pytest.mark.parametrize("text", [COMPLETE, SMALLEST])
def test_the_policy_that_we_build_reviews_clean(text: str, prover: Prover) -> None:
    built = json.dumps(parse_policy(text).provider_document())
    for policies in (
        parse_policy_set(text, name="policy.toml"),
        parse_policy_set(built, name="provider.json"),
        policy_set_of(parse_policy(text).condition),
    ):
        assert lint(policies, prover, today=TODAY) == []


def test_a_policy_by_signers_is_only_reminded_of_its_keys(prover: Prover) -> None:
    signers = f'signers = [{{ key_id = "{"c" * 64}", algorithm = "ECDSA_P256_SHA256" }}]'
    policies = parse_policy_set(
        SMALLEST.replace(f'image_digests = ["{DIGEST}"]', signers), name="policy.toml"
    )
    assert [each.rule for each in lint(policies, prover, today=TODAY)] == ["signer-without-expiry"]


def hostile() -> dict[str, str]:
    longest = f"{CONTAINER}.image_digest in [" + ", ".join([f'"{DIGEST}"'] * 52) + "]"
    many = " && ".join(f"assertion.submods.gce.zone != 'z{i}'" for i in range(90))
    return {
        "many digests": longest,
        "many clauses": many,
        "deep parentheses": "(" * 60 + "true" + ")" * 60,
        "too deep": "(" * 2000 + "true" + ")" * 2000,
        "deep negation": "!" * 60 + "true",
        "a pattern that naive engines fear": r'assertion.sub.matches("^(a+)+$") && size(assertion.sub) > 60',
        "a pattern of many states": r'assertion.sub.matches("(.*a.{12}b){3}")',
        "nested quantifiers": ".all(x, ".join(["assertion.google_service_accounts"] * 9)
        + ".all(y, true"
        + ")" * 9,
        "NUL": 'assertion.sub == "\\u0000"',
        "a raw NUL": 'assertion.sub == "\x00"',
        "a surrogate": 'assertion.sub == "\ud800"',
        "arithmetic": "assertion.iat * assertion.exp % 97 == 13 && assertion.iat * assertion.iat == 49",
        "strings against strings": "assertion.sub.contains(assertion.swname + assertion.submods.gce.zone)",
        "a list of no constants": "[[assertion.sub]] == [[]]",
        "no boolean": "assertion.iat",
        "nothing": "",
        "space": " " * 4096,
        "too long": " " * 4097,
    }


@pytest.mark.parametrize("name", hostile())
def test_whatever_comes_is_answered(name: str, prover: Prover) -> None:
    policies: PolicySet = policy_set_of(hostile()[name])
    findings = lint(policies, prover, today=TODAY)
    assert all("\n" not in each.message and len(each.message) < 1000 for each in findings)
    # none of these is a good policy: something is always said of it
    assert worst(findings) is not None or isinstance(prover.find_admitted(policies), Found)
    assert findings
