"""The rule empty-condition."""

from __future__ import annotations

from typing import Any


def test_a_provider_without_a_condition_admits_every_token(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(""))) == [
        {
            "rule": "empty-condition",
            "severity": "critical",
            "message": "a provider without a condition admits every token of its issuer",
            "hint": "say what is admitted, where, of whom, and how it is launched",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_condition_is_a_condition(findings: Any, read: Any, provider: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )
