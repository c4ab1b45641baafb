"""The rule iam-condition-reads-the-token."""

from __future__ import annotations

from typing import Any

import pytest

CONDITION = "assertion.secboot == true"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/primus"


def granted(condition: str, *members: str) -> dict[str, object]:
    binding = {
        "role": "roles/cloudkms.cryptoKeyDecrypter",
        "members": [f"principalSet:{POOL}/{each}" for each in members or ("*",)],
        "condition": {"title": "image", "expression": condition},
    }
    return {"bindings": [binding], "version": 3}


def test_a_digest_in_an_iam_condition_pins_no_image(findings: Any, read: Any, provider: Any) -> None:
    condition = "attribute.image_digest == 'sha256:aa'"
    assert findings(read(provider(CONDITION), bindings=granted(condition))) == [
        {
            "rule": "iam-condition-reads-the-token",
            "severity": "high",
            "message": "the condition on `roles/cloudkms.cryptoKeyDecrypter` reads `attribute.image_digest`, "
            "which IAM's conditions do not know: it narrows the role to no workload, and IAM refuses it or "
            "grants the role to nobody",
            "hint": "ask it in the provider's condition, and grant the role to "
            "`principalSet://…/attribute.image_digest/sha256:…`",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "bindings",
            "span": [0, 22],
            "excerpt": "attribute.image_digest",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


@pytest.mark.parametrize(
    ("condition", "reads"),
    [
        ("request.time < timestamp('2027-01-01T00:00:00Z') && attribute.a == 'b'", "attribute.a"),
        ("assertion.swname == 'CONFIDENTIAL_SPACE'", "assertion.swname"),
        ("google.subject == 'a'", "google.subject"),
        ("submods.container.image_digest == 'sha256:aa'", "submods.container.image_digest"),
        ("has(attribute.image_digest)", "has(attribute.image_digest)"),
        ("['a'].exists(each, each == attribute.a)", "attribute.a"),
    ],
)
def test_whatever_it_reads_of_the_token_is_named(
    findings: Any, read: Any, provider: Any, condition: str, reads: str
) -> None:
    (found,) = findings(read(provider(CONDITION), bindings=granted(condition)))
    assert found["excerpt"] == reads
    assert condition[slice(*found["span"])] == reads


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "request.time < timestamp('2027-01-01T00:00:00Z')",
        "resource.name.startsWith('projects/_') && resource.service == 'storage.googleapis.com'",
        "resource.matchTag('1/env', 'prod')",
        "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/viewer'])",
        "request.path == 'attribute.image_digest'",
        "['a'].all(attribute, attribute == 'a')",
        "not an expression",
    ],
)
def test_what_iam_s_conditions_know_is_fine(findings: Any, read: Any, provider: Any, condition: str) -> None:
    assert findings(read(provider(CONDITION), bindings=granted(condition))) == []


def test_one_condition_is_one_finding_however_many_members_it_is_for(
    findings: Any, read: Any, provider: Any
) -> None:
    bindings = granted("attribute.image_digest == 'sha256:aa'", "*", "subject/a", "subject/b")
    assert len(findings(read(provider(CONDITION), bindings=bindings))) == 1
