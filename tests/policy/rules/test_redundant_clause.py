"""The rule redundant-clause."""

from __future__ import annotations

from typing import Any


def test_a_clause_that_follows_from_another_keeps_nothing_out(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
        'assertion.submods.container.image_digest.startsWith("sha256:")'
    ) == [
        {
            "rule": "redundant-clause",
            "severity": "warning",
            "message": '`assertion.submods.container.image_digest.startsWith("sha256:")` '
            "keeps nothing out that the rest does not",
            "hint": "leave it out",
            "provider": "",
            "place": "condition",
            "span": [121, 183],
            "excerpt": 'assertion.submods.container.image_digest.startsWith("sha256:")',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_clause_that_only_a_guarantee_makes_redundant_stays(findings: Any) -> None:
    assert (
        findings(
            'assertion.dbgstat == "disabled-since-boot" && "STABLE" in '
            "assertion.submods.confidential_space.support_attributes"
        )
        == []
    )


def test_a_clause_that_keeps_something_out_stays(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "assertion.secboot == true"
        )
        == []
    )
