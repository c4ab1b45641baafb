"""The rule subject-may-exceed-127-bytes."""

from __future__ import annotations

from typing import Any

CONDITION = "assertion.secboot == true"


def test_a_machines_url_has_no_limit(findings: Any, read: Any, provider: Any) -> None:
    assert findings(
        read(provider(CONDITION, attributeMapping={"google.subject": '"vm::" + assertion.sub'}))
    ) == [
        {
            "rule": "subject-may-exceed-127-bytes",
            "severity": "medium",
            "message": "`google.subject` may be longer than 127 bytes",
            "hint": 'map it to `"gcpcs::" + assertion.submods.container.image_digest + "::" '
            '+ assertion.submods.gce.project_number + "::" + '
            "assertion.submods.gce.instance_id`",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "mapping google.subject",
            "span": [0, 22],
            "excerpt": '"vm::" + assertion.sub',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_googles_recommended_subject_fits(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION))) == []
