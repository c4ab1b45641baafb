"""The rule value-outside-vocabulary."""

from __future__ import annotations

from typing import Any


def test_the_documents_name_of_tdx_is_in_no_token(findings: Any) -> None:
    assert findings('assertion.hwmodel == "INTEL_TDX"') == [
        {
            "rule": "value-outside-vocabulary",
            "severity": "high",
            "message": '"INTEL_TDX" is not documented for `hwmodel`, where `GCP_AMD_SEV`, `GCP_AMD_SEV_ES`, '
            "`GCP_INTEL_TDX`, `GCP_AMD_SEV_SNP` and `GCP_SHIELDED_VM` are known",
            "hint": "did you mean `GCP_INTEL_TDX`?",
            "provider": "",
            "place": "condition",
            "span": [21, 32],
            "excerpt": '"INTEL_TDX"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_no_image_has_such_an_attribute(findings: Any) -> None:
    assert findings('"USES_SECUREBOOT" in assertion.submods.confidential_space.support_attributes') == [
        {
            "rule": "value-outside-vocabulary",
            "severity": "high",
            "message": '"USES_SECUREBOOT" is not documented for'
            " `submods.confidential_space.support_attributes`, where `LATEST`, `STABLE`, `USABLE`"
            " and `EXPERIMENTAL` are known",
            "hint": "",
            "provider": "",
            "place": "condition",
            "span": [0, 17],
            "excerpt": '"USES_SECUREBOOT"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_the_tokens_own_value_is_fine(findings: Any) -> None:
    assert findings('assertion.hwmodel == "GCP_INTEL_TDX"') == []
