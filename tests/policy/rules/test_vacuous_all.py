"""The rule vacuous-all."""

from __future__ import annotations

from typing import Any


def test_no_account_at_all_is_only_right_ones(findings: Any) -> None:
    assert findings(
        "assertion.google_service_accounts.all(account, account == "
        '"workload-sa@secundus.iam.gserviceaccount.com")'
    ) == [
        {
            "rule": "vacuous-all",
            "severity": "medium",
            "message": "`google_service_accounts` may be empty, and then this is true",
            "hint": "ask `size(assertion.google_service_accounts) > 0` as well, or use `exists`",
            "provider": "",
            "place": "condition",
            "span": [0, 105],
            "excerpt": "assertion.google_service_accounts.all(account, account == "
            '"workload-sa@secundus.iam.gserviceaccount.com")',
            "token": {"google_service_accounts": []},
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_one_as_well_is_enough(findings: Any) -> None:
    assert (
        findings(
            "size(assertion.google_service_accounts) > 0 && "
            "assertion.google_service_accounts.all(account, account == "
            '"workload-sa@secundus.iam.gserviceaccount.com")'
        )
        == []
    )


def test_an_override_may_well_be_empty(findings: Any) -> None:
    assert (
        findings(
            "!has(assertion.submods.container.env_override) || "
            'assertion.submods.container.env_override.all(name, name in ["INPUT_URI"])'
        )
        == []
    )
