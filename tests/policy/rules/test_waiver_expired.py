"""The rule waiver-expired."""

from __future__ import annotations

from typing import Any

from policy.policy_set import PolicySet, parse_policy_set

POLICY = """
[provider]
project_number = "1"
pool = "primus"
name = "workload"
[what]
image_digests = ["sha256:{digest}"]
[who]
project_ids = ["secundus"]
[where]
unsafe_not_asked = ["secboot"]
[[waiver]]
rule = "secure-boot-not-required"
reason = "the old fleet cannot"
owner = "security@primus.example"
expires = {day}
"""


def waived_until(day: str) -> PolicySet:
    return parse_policy_set(POLICY.format(digest="a" * 64, day=day), name="policy.toml")


def test_a_waiver_ends_with_its_last_day(findings: Any) -> None:
    assert findings(waived_until("2026-05-31")) == [
        {
            "rule": "waiver-expired",
            "severity": "medium",
            "message": "`secure-boot-not-required` was waived until 2026-05-31 by `security@primus.example`",
            "hint": "mend what it is about, or renew it with its reason",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "waivers",
            "span": [0, 24],
            "excerpt": "secure-boot-not-required",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_on_its_last_day_it_counts(findings: Any) -> None:
    assert findings(waived_until("2026-06-01")) == []
