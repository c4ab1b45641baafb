"""The rule order-dependent."""

from __future__ import annotations

from typing import Any


def test_the_first_attribute_may_stand_second_tomorrow(findings: Any) -> None:
    assert findings('assertion.submods.confidential_space.support_attributes[0] == "LATEST"') == [
        {
            "rule": "order-dependent",
            "severity": "medium",
            "message": "`submods.confidential_space.support_attributes` has no order to rely on",
            "hint": "use `in` or `exists`, and `size` where nothing else may be there",
            "provider": "",
            "place": "condition",
            "span": [0, 58],
            "excerpt": "assertion.submods.confidential_space.support_attributes[0]",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_several_accounts_have_no_order(findings: Any) -> None:
    assert findings(
        'assertion.google_service_accounts == ["a@p.iam.gserviceaccount.com", "b@p.iam.gserviceaccount.com"]'
    ) == [
        {
            "rule": "order-dependent",
            "severity": "medium",
            "message": "`google_service_accounts` has no order to rely on",
            "hint": "use `in` or `exists`, and `size` where nothing else may be there",
            "provider": "",
            "place": "condition",
            "span": [0, 99],
            "excerpt": 'assertion.google_service_accounts == ["a@p.iam.gserviceaccount.com", '
            '"b@p.iam.gserviceaccount.com"]',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_looking_into_the_list_is_fine(findings: Any) -> None:
    assert findings('"STABLE" in assertion.submods.confidential_space.support_attributes') == []


def test_a_list_of_one_has_one_order(findings: Any) -> None:
    assert findings('assertion.google_service_accounts == ["a@p.iam.gserviceaccount.com"]') == []


def test_a_command_line_has_an_order(findings: Any) -> None:
    assert findings('assertion.submods.container.args[0] == "python"') == []
