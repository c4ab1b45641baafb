"""The rule memory-monitoring-admitted."""

from __future__ import annotations

from typing import Any


def test_a_monitored_machine_is_admitted_where_it_is_not_refused(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    ) == [
        {
            "rule": "memory-monitoring-admitted",
            "severity": "medium",
            "message": "a machine is admitted that reports its use of memory",
            "hint": "ask `assertion.submods.confidential_space.monitoring_enabled.memory == false`",
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {
                "submods.confidential_space.monitoring_enabled.memory": True,
                "submods.container.image_digest": "sha256:" + "a" * 64,
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_refusing_it_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "assertion.submods.confidential_space.monitoring_enabled.memory == false"
        )
        == []
    )
