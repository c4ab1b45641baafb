"""The rule extra-service-accounts-possible."""

from __future__ import annotations

from typing import Any


def test_a_second_account_is_admitted_beside_the_one_that_is_asked(findings: Any) -> None:
    assert findings(
        '"workload-sa@secundus.iam.gserviceaccount.com" in assertion.google_service_accounts'
    ) == [
        {
            "rule": "extra-service-accounts-possible",
            "severity": "medium",
            "message": "the machine may have other service accounts beside the one that is asked",
            "hint": 'ask for the whole list: `assertion.google_service_accounts == ["…"]`',
            "provider": "",
            "place": "condition",
            "span": [0, 83],
            "excerpt": '"workload-sa@secundus.iam.gserviceaccount.com" in assertion.google_service_accounts',
            "token": {
                "google_service_accounts": [
                    "workload@operator-project.iam.gserviceaccount.com",
                    "workload-sa@secundus.iam.gserviceaccount.com",
                    "workload@somebody-else.iam.gserviceaccount.com",
                ]
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_the_whole_list_is_enough(findings: Any) -> None:
    assert (
        findings('assertion.google_service_accounts == ["workload-sa@secundus.iam.gserviceaccount.com"]')
        == []
    )


def test_asking_for_its_size_is_enough(findings: Any) -> None:
    assert (
        findings(
            '"workload-sa@secundus.iam.gserviceaccount.com" in '
            "assertion.google_service_accounts && size(assertion.google_service_accounts) == "
            "1"
        )
        == []
    )
