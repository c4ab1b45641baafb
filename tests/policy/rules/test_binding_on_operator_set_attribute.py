"""The rule binding-on-operator-set-attribute."""

from __future__ import annotations

from typing import Any

CONDITION = "assertion.secboot == true"
MAPPING = {"google.subject": "assertion.sub"}
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/primus"


def granted(to: str) -> dict[str, object]:
    members = [f"principalSet:{POOL}/{to}"]
    return {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": members}]}


def test_a_machines_name_is_its_operators_choice(findings: Any, read: Any, provider: Any) -> None:
    assert findings(
        read(
            provider(
                CONDITION,
                attributeMapping={**MAPPING, "attribute.name": "assertion.submods.gce.instance_name"},
            ),
            bindings=granted("attribute.name/workload-vm"),
        )
    ) == [
        {
            "rule": "binding-on-operator-set-attribute",
            "severity": "high",
            "message": "`attribute.name` is `submods.gce.instance_name`, as whoever launches likes it",
            "hint": "grant it by `attribute.image_digest`",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "bindings",
            "span": [91, 105],
            "excerpt": "attribute.name",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_digest_is_not(findings: Any, read: Any, provider: Any) -> None:
    assert (
        findings(
            read(
                provider(
                    CONDITION,
                    attributeMapping={
                        **MAPPING,
                        "attribute.digest": "assertion.submods.container.image_digest",
                    },
                ),
                bindings=granted("attribute.digest/sha256:aa"),
            )
        )
        == []
    )
