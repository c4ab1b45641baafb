"""The rule pool-wide-binding."""

from __future__ import annotations

from typing import Any

CONDITION = "assertion.secboot == true"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/primus"


def granted(to: str) -> dict[str, object]:
    members = [f"principalSet:{POOL}/{to}"]
    return {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": members}]}


def test_every_identity_of_the_pool_has_the_role(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION), bindings=granted("*"))) == [
        {
            "rule": "pool-wide-binding",
            "severity": "critical",
            "message": "`roles/iam.workloadIdentityUser` is granted to all of the pool",
            "hint": "grant it to `principalSet://…/attribute.image_digest/sha256:…`",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "bindings",
            "span": [0, 92],
            "excerpt": "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/primus/*",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_role_for_one_image_is_fine(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION), bindings=granted("attribute.image_digest/sha256:aa"))) == []


def test_a_condition_that_knows_no_workload_makes_it_no_better(
    findings: Any, read: Any, provider: Any
) -> None:
    bindings = granted(to="*")
    expression = "request.time < timestamp('2027-01-01T00:00:00Z')"
    bindings["bindings"][0]["condition"] = {"expression": expression}  # type: ignore[index]
    (found,) = findings(read(provider(CONDITION), bindings=bindings))
    assert found["severity"] == "critical"
    assert found["message"] == (
        "`roles/iam.workloadIdentityUser` is granted to all of the pool, "
        "and its condition does not say to whom"
    )
