"""The rule usable-accepted."""

from __future__ import annotations

from typing import Any


def test_an_image_out_of_support_is_usable(findings: Any) -> None:
    assert findings('"USABLE" in assertion.submods.confidential_space.support_attributes') == [
        {
            "rule": "usable-accepted",
            "severity": "warning",
            "message": "an image is asked to be USABLE, which those out of support are as well",
            "hint": 'ask `"STABLE" in assertion.submods.confidential_space.support_attributes`',
            "provider": "",
            "place": "condition",
            "span": [0, 67],
            "excerpt": '"USABLE" in assertion.submods.confidential_space.support_attributes',
            "token": {"submods.confidential_space.support_attributes": ["USABLE"]},
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_stable_is_enough(findings: Any) -> None:
    assert findings('"STABLE" in assertion.submods.confidential_space.support_attributes') == []


def test_usable_beside_stable_says_no_less(findings: Any) -> None:
    assert (
        findings(
            '"USABLE" in assertion.submods.confidential_space.support_attributes && "STABLE" '
            "in assertion.submods.confidential_space.support_attributes"
        )
        == []
    )
