"""The rule malformed-digest."""

from __future__ import annotations

from typing import Any


def test_upper_case_digits_are_in_no_digest(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"'
    ) == [
        {
            "rule": "malformed-digest",
            "severity": "high",
            "message": '"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" '
            "is not a digest",
            "hint": "write `sha256:` and 64 lower-case hex digits",
            "provider": "",
            "place": "condition",
            "span": [44, 117],
            "excerpt": '"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_digest_is_fine(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )


def test_a_beginning_of_one_is_not_compared_as_a_whole(findings: Any) -> None:
    assert findings('assertion.submods.container.image_digest.startsWith("sha256:aa")') == []
