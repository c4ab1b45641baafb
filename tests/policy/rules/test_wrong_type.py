"""The rule wrong-type."""

from __future__ import annotations

from typing import Any


def test_a_list_has_no_field(findings: Any) -> None:
    assert findings('assertion.submods.confidential_space.support_attributes.debug_mode == "false"') == [
        {
            "rule": "wrong-type",
            "severity": "high",
            "message": "a list has no field `debug_mode`",
            "hint": "",
            "provider": "",
            "place": "condition",
            "span": [0, 66],
            "excerpt": "assertion.submods.confidential_space.support_attributes.debug_mode",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_number_is_no_string(findings: Any) -> None:
    assert findings("assertion.submods.gce.project_number == 987654321098") == [
        {
            "rule": "wrong-type",
            "severity": "high",
            "message": "a string and an int are never equal, by the documents: the comparison is never true",
            "hint": "",
            "provider": "",
            "place": "condition",
            "span": [0, 52],
            "excerpt": "assertion.submods.gce.project_number == 987654321098",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_comparison_of_one_type_is_fine(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_number == "987654321098"') == []


def test_a_comparison_in_quotes_is_another_rules(findings: Any) -> None:
    assert findings("'assertion.secboot == true'") == []
