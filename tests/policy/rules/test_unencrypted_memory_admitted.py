"""The rule unencrypted-memory-admitted."""

from __future__ import annotations

from typing import Any

HINT = 'ask `assertion.hwmodel in ["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_INTEL_TDX"]`'


def test_a_shielded_machine_is_admitted_where_hardware_is_not_asked(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    ) == [
        {
            "rule": "unencrypted-memory-admitted",
            "severity": "high",
            "message": "a machine is admitted whose memory is not encrypted",
            "hint": HINT,
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {"hwmodel": "GCP_SHIELDED_VM", "submods.container.image_digest": "sha256:" + "a" * 64},
            "decided": True,
            "waived": None,
        }
    ]


def test_a_shielded_machine_is_admitted_where_it_is_named(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
        'assertion.hwmodel in ["GCP_AMD_SEV", "GCP_SHIELDED_VM"]'
    ) == [
        {
            "rule": "unencrypted-memory-admitted",
            "severity": "high",
            "message": "a machine is admitted whose memory is not encrypted",
            "hint": HINT,
            "provider": "",
            "place": "condition",
            "span": [121, 176],
            "excerpt": 'assertion.hwmodel in ["GCP_AMD_SEV", "GCP_SHIELDED_VM"]',
            "token": {"hwmodel": "GCP_SHIELDED_VM", "submods.container.image_digest": "sha256:" + "a" * 64},
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_encrypting_hardware_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            'assertion.hwmodel == "GCP_INTEL_TDX"'
        )
        == []
    )


def test_refusing_shielded_machines_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            'assertion.hwmodel != "GCP_SHIELDED_VM"'
        )
        == []
    )
