"""The rule secure-boot-not-required."""

from __future__ import annotations

from typing import Any


def test_a_machine_without_secure_boot_is_admitted_where_it_is_not_asked(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    ) == [
        {
            "rule": "secure-boot-not-required",
            "severity": "low",
            "message": "a machine is admitted that may have booted unsigned software",
            "hint": "ask `assertion.secboot == true`",
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {"secboot": False, "submods.container.image_digest": "sha256:" + "a" * 64},
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_it_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "assertion.secboot"
        )
        == []
    )
