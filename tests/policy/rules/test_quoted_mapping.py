"""The rule quoted-mapping."""

from __future__ import annotations

from typing import Any

CONDITION = "assertion.secboot == true"


def test_a_claim_in_quotes_is_a_constant(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION, attributeMapping={"google.subject": "'assertion.sub'"}))) == [
        {
            "rule": "quoted-mapping",
            "severity": "critical",
            "message": '`google.subject` is "assertion.sub" for every token',
            "hint": "take the claim out of its quotes",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "mapping google.subject",
            "span": [0, 15],
            "excerpt": "'assertion.sub'",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_claim_is_a_claim(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION, attributeMapping={"google.subject": "assertion.sub"}))) == []


def test_another_attribute_may_well_be_a_constant(findings: Any, read: Any, provider: Any) -> None:
    assert (
        findings(
            read(
                provider(
                    CONDITION,
                    attributeMapping={"google.subject": "assertion.sub", "attribute.stage": "'test'"},
                )
            )
        )
        == []
    )
