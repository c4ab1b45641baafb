"""The rule weak-branch."""

from __future__ import annotations

from typing import Any


def test_an_arm_that_is_always_true_admits_what_the_other_refuses(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
        '(assertion.dbgstat == "disabled-since-boot" || true)'
    ) == [
        {
            "rule": "weak-branch",
            "severity": "high",
            "message": "`true` admits what an alternative beside it refuses",
            "hint": "join them by `&&`",
            "provider": "",
            "place": "condition",
            "span": [168, 172],
            "excerpt": "true",
            "token": {
                "dbgstat": "enabled",
                "submods.confidential_space.support_attributes": None,
                "submods.container.image_digest": "sha256:" + "a" * 64,
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_a_confidential_gpu_is_no_stand_in_for_a_stable_image(findings: Any) -> None:
    assert findings(
        'assertion.submods.nvidia_gpu.cc_mode == "ON" || "STABLE" in '
        "assertion.submods.confidential_space.support_attributes"
    ) == [
        {
            "rule": "weak-branch",
            "severity": "high",
            "message": '`assertion.submods.nvidia_gpu.cc_mode == "ON"` admits what an '
            "alternative beside it refuses",
            "hint": "join them by `&&`",
            "provider": "",
            "place": "condition",
            "span": [0, 44],
            "excerpt": 'assertion.submods.nvidia_gpu.cc_mode == "ON"',
            "token": {
                "submods.confidential_space": None,
                "submods.container": None,
                "submods.nvidia_gpu": {"cc_mode": "ON"},
                "swname": "GCE",
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_arms_of_one_strength_are_fine(findings: Any) -> None:
    assert findings('assertion.hwmodel == "GCP_AMD_SEV" || assertion.hwmodel == "GCP_INTEL_TDX"') == []


def test_an_arm_that_says_a_claim_is_absent_is_no_branch(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "(!has(assertion.submods.container.cmd_override) || "
            "size(assertion.submods.container.cmd_override) == 0)"
        )
        == []
    )


def test_a_chain_of_many_arms_is_not_looked_at(findings: Any) -> None:
    zones = [f'assertion.submods.gce.zone == "{number}"' for number in range(12)]
    strong = 'assertion.dbgstat == "disabled-since-boot"'
    assert findings(" || ".join([strong, *zones[:11]])) != []
    assert findings(" || ".join([strong, *zones])) == []
