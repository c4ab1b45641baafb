"""The rule restart-always-admitted."""

from __future__ import annotations

from typing import Any


def test_restarting_for_ever_is_admitted_where_it_is_named(findings: Any) -> None:
    assert findings('assertion.submods.container.restart_policy in ["Never", "Always"]') == [
        {
            "rule": "restart-always-admitted",
            "severity": "low",
            "message": "a workload is admitted that is started again whenever it ends",
            "hint": 'ask `assertion.submods.container.restart_policy == "Never"`',
            "provider": "",
            "place": "condition",
            "span": [0, 65],
            "excerpt": 'assertion.submods.container.restart_policy in ["Never", "Always"]',
            "token": {"submods.container.restart_policy": "Always"},
            "decided": True,
            "waived": None,
        }
    ]


def test_leaving_it_out_is_enough(findings: Any) -> None:
    assert findings('assertion.submods.container.restart_policy == "Never"') == []


def test_a_condition_that_says_nothing_of_restarts_is_none_of_its_business(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )
