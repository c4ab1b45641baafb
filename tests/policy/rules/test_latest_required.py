"""The rule latest-required."""

from __future__ import annotations

from typing import Any


def test_the_next_image_ends_it(findings: Any) -> None:
    assert findings('"LATEST" in assertion.submods.confidential_space.support_attributes') == [
        {
            "rule": "latest-required",
            "severity": "warning",
            "message": "only the latest image is admitted, which ends when the next one is published",
            "hint": 'ask `"STABLE" in assertion.submods.confidential_space.support_attributes` instead',
            "provider": "",
            "place": "condition",
            "span": [0, 67],
            "excerpt": '"LATEST" in assertion.submods.confidential_space.support_attributes',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_stable_is_enough(findings: Any) -> None:
    assert findings('"STABLE" in assertion.submods.confidential_space.support_attributes') == []


def test_latest_as_one_of_several_is_not_required(findings: Any) -> None:
    assert (
        findings(
            '"LATEST" in assertion.submods.confidential_space.support_attributes || "STABLE" '
            "in assertion.submods.confidential_space.support_attributes"
        )
        == []
    )
