"""The rule software-not-confidential-space."""

from __future__ import annotations

from typing import Any


def test_an_ordinary_machine_is_admitted_where_software_is_not_asked(findings: Any) -> None:
    assert findings('assertion.hwmodel == "GCP_AMD_SEV"') == [
        {
            "rule": "software-not-confidential-space",
            "severity": "critical",
            "message": "a machine is admitted that does not run Confidential Space",
            "hint": 'ask `assertion.swname == "CONFIDENTIAL_SPACE"`',
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {"submods.confidential_space": None, "submods.container": None, "swname": "GCE"},
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_the_software_is_enough(findings: Any) -> None:
    assert findings('assertion.swname == "CONFIDENTIAL_SPACE"') == []


def test_a_claim_of_the_container_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )
