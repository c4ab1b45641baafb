"""The rule debug-image-admitted."""

from __future__ import annotations

from typing import Any


def test_a_debug_image_is_admitted_where_nothing_refuses_it(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    ) == [
        {
            "rule": "debug-image-admitted",
            "severity": "critical",
            "message": "a debug image is admitted: its operator can look inside",
            "hint": 'ask `assertion.dbgstat == "disabled-since-boot"`',
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {
                "dbgstat": "enabled",
                "submods.confidential_space.support_attributes": None,
                "submods.container.image_digest": "sha256:" + "a" * 64,
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_the_finding_stands_where_the_condition_speaks_of_debugging(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
        'assertion.dbgstat != "enable"'
    ) == [
        {
            "rule": "debug-image-admitted",
            "severity": "critical",
            "message": "a debug image is admitted: its operator can look inside",
            "hint": 'ask `assertion.dbgstat == "disabled-since-boot"`',
            "provider": "",
            "place": "condition",
            "span": [121, 150],
            "excerpt": 'assertion.dbgstat != "enable"',
            "token": {
                "dbgstat": "enabled",
                "submods.confidential_space.support_attributes": None,
                "submods.container.image_digest": "sha256:" + "a" * 64,
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_its_status_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            'assertion.dbgstat == "disabled-since-boot"'
        )
        == []
    )


def test_asking_for_stable_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            '"STABLE" in assertion.submods.confidential_space.support_attributes'
        )
        == []
    )
