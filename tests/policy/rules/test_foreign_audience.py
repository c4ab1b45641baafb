"""The rule foreign-audience."""

from __future__ import annotations

from typing import Any

CONDITION = "assertion.secboot == true"


def test_a_token_for_another_reader_is_admitted(findings: Any, read: Any, provider: Any) -> None:
    assert findings(
        read(
            provider(
                CONDITION,
                oidc={
                    "issuerUri": "https://confidentialcomputing.googleapis.com",
                    "allowedAudiences": ["https://broker.example"],
                },
            )
        )
    ) == [
        {
            "rule": "foreign-audience",
            "severity": "high",
            "message": "a token for `https://broker.example` is admitted",
            "hint": "allow no audience by name: then only the provider's own resource name is one",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_the_launchers_own_audience_is_fine(findings: Any, read: Any, provider: Any) -> None:
    assert (
        findings(
            read(
                provider(
                    CONDITION,
                    oidc={
                        "issuerUri": "https://confidentialcomputing.googleapis.com",
                        "allowedAudiences": ["https://sts.googleapis.com"],
                    },
                )
            )
        )
        == []
    )


def test_without_any_it_is_the_providers_name(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION))) == []
