"""The rule foreign-issuer."""

from __future__ import annotations

from typing import Any

CONDITION = "assertion.secboot == true"


def test_another_issuer_says_nothing_of_machines(findings: Any, read: Any, provider: Any) -> None:
    assert findings(
        read(provider(CONDITION, oidc={"issuerUri": "https://token.actions.githubusercontent.com"}))
    ) == [
        {
            "rule": "foreign-issuer",
            "severity": "high",
            "message": "the issuer is `https://token.actions.githubusercontent.com`",
            "hint": "Confidential Space tokens come from `https://confidentialcomputing.googleapis.com`",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_the_verifier_is_the_issuer(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION))) == []
