"""The rule unknown-claim."""

from __future__ import annotations

from typing import Any

PINNED = "assertion.secboot == true"


def test_a_claim_in_the_singular_is_none(findings: Any, read: Any, provider: Any) -> None:
    assert findings('assertion.google_service_account == "workload-sa@secundus.iam.gserviceaccount.com"') == [
        {
            "rule": "unknown-claim",
            "severity": "high",
            "message": "`google_service_account` is no documented claim of the token",
            "hint": "did you mean `google_service_accounts`?",
            "provider": "",
            "place": "condition",
            "span": [0, 32],
            "excerpt": "assertion.google_service_account",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_mapping_is_read_as_well(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(PINNED, attributeMapping={"google.subject": "assertion.subject"}))) == [
        {
            "rule": "unknown-claim",
            "severity": "high",
            "message": "`subject` is no documented claim of the token",
            "hint": "did you mean `sub`?",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "mapping google.subject",
            "span": [0, 17],
            "excerpt": "assertion.subject",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_claim_of_the_token_is_fine(findings: Any, read: Any, provider: Any) -> None:
    assert (
        findings('assertion.google_service_accounts == ["workload-sa@secundus.iam.gserviceaccount.com"]')
        == []
    )
