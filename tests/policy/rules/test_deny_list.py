"""The rule deny-list."""

from __future__ import annotations

from typing import Any


def test_what_is_not_named_is_admitted(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id != "competitor"') == [
        {
            "rule": "deny-list",
            "severity": "high",
            "message": "`submods.gce.project_id` may be anything but what this clause names",
            "hint": "ask what `submods.gce.project_id` is to be, with `==` or `in`",
            "provider": "",
            "place": "condition",
            "span": [0, 48],
            "excerpt": 'assertion.submods.gce.project_id != "competitor"',
            "token": {},
            "decided": True,
            "waived": None,
        }
    ]


def test_a_misspelt_value_refuses_nothing(findings: Any) -> None:
    assert findings('assertion.dbgstat != "enable"') == [
        {
            "rule": "deny-list",
            "severity": "high",
            "message": "`dbgstat` may be anything but what this clause names",
            "hint": "ask what `dbgstat` is to be, with `==` or `in`",
            "provider": "",
            "place": "condition",
            "span": [0, 29],
            "excerpt": 'assertion.dbgstat != "enable"',
            "token": {},
            "decided": True,
            "waived": None,
        }
    ]


def test_a_negated_prefix_refuses_little(findings: Any) -> None:
    assert findings('!assertion.submods.container.image_reference.startsWith("docker.io/")') == [
        {
            "rule": "deny-list",
            "severity": "high",
            "message": "`submods.container.image_reference` may be anything but what this clause names",
            "hint": "ask what `submods.container.image_reference` is to be, with `==` or `in`",
            "provider": "",
            "place": "condition",
            "span": [0, 69],
            "excerpt": '!assertion.submods.container.image_reference.startsWith("docker.io/")',
            "token": {},
            "decided": True,
            "waived": None,
        }
    ]


def test_refusing_one_of_few_known_values_is_fine(findings: Any) -> None:
    assert findings('assertion.hwmodel != "GCP_SHIELDED_VM"') == []


def test_naming_what_is_admitted_is_fine(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id == "secundus"') == []


def test_a_deny_list_beside_an_allow_list_does_no_harm(findings: Any) -> None:
    assert (
        findings(
            'assertion.submods.gce.project_id != "competitor" && '
            'assertion.submods.gce.project_id in ["secundus", "tertius"]'
        )
        == []
    )
