"""The rule admits-nobody."""

from __future__ import annotations

from typing import Any


def test_clauses_that_exclude_each_other_are_named_without_the_others(findings: Any) -> None:
    assert findings(
        'assertion.secboot == true && assertion.swname == "CONFIDENTIAL_SPACE" && assertion.swname == "GCE"'
    ) == [
        {
            "rule": "admits-nobody",
            "severity": "critical",
            "message": 'no token satisfies `assertion.swname == "CONFIDENTIAL_SPACE"` and '
            '`assertion.swname == "GCE"` together',
            "hint": "",
            "provider": "",
            "place": "condition",
            "span": [29, 69],
            "excerpt": 'assertion.swname == "CONFIDENTIAL_SPACE"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_what_the_issuer_guarantees_is_named_where_it_is_needed(findings: Any) -> None:
    assert findings(
        'assertion.dbgstat == "enabled" && "STABLE" in '
        "assertion.submods.confidential_space.support_attributes"
    ) == [
        {
            "rule": "admits-nobody",
            "severity": "critical",
            "message": 'no token satisfies `assertion.dbgstat == "enabled"` and `"STABLE" in '
            "assertion.submods.confidential_space.support_attributes` together, "
            "since a debug image has no support attribute",
            "hint": "",
            "provider": "",
            "place": "condition",
            "span": [0, 30],
            "excerpt": 'assertion.dbgstat == "enabled"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_condition_that_somebody_satisfies_is_fine(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )
