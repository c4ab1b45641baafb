"""The rule stable-not-required."""

from __future__ import annotations

from typing import Any


def test_an_old_image_is_admitted_where_its_support_is_not_asked(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
        'assertion.dbgstat == "disabled-since-boot"'
    ) == [
        {
            "rule": "stable-not-required",
            "severity": "high",
            "message": "an image is admitted that Google does not support as stable",
            "hint": 'ask `"STABLE" in assertion.submods.confidential_space.support_attributes`',
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {
                "submods.confidential_space.support_attributes": ["USABLE"],
                "submods.container.image_digest": "sha256:" + "a" * 64,
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_an_unsupported_image_is_admitted_where_usable_is_enough(findings: Any) -> None:
    assert findings('"USABLE" in assertion.submods.confidential_space.support_attributes') == [
        {
            "rule": "stable-not-required",
            "severity": "high",
            "message": "an image is admitted that Google does not support as stable",
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
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            '"STABLE" in assertion.submods.confidential_space.support_attributes'
        )
        == []
    )


def test_asking_for_latest_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            '"LATEST" in assertion.submods.confidential_space.support_attributes'
        )
        == []
    )
