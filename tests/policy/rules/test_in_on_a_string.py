"""The rule in-on-a-string."""

from __future__ import annotations

from typing import Any


def test_a_digest_is_looked_for_in_a_string(findings: Any) -> None:
    assert findings(
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" in '
        "assertion.submods.container.image_digest"
    ) == [
        {
            "rule": "in-on-a-string",
            "severity": "high",
            "message": "`in` looks into a list or a map, not into a string",
            "hint": "write `==`, or `.contains(…)`",
            "provider": "",
            "place": "condition",
            "span": [0, 117],
            "excerpt": '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" '
            "in assertion.submods.container.image_digest",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_list_is_what_in_is_for(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest in "
            '["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]'
        )
        == []
    )
