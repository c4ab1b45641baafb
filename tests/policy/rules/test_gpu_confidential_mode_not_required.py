"""The rule gpu-confidential-mode-not-required."""

from __future__ import annotations

from typing import Any


def test_a_gpu_in_the_open_is_admitted_where_any_gpu_is(findings: Any) -> None:
    assert findings("has(assertion.submods.nvidia_gpu)") == [
        {
            "rule": "gpu-confidential-mode-not-required",
            "severity": "medium",
            "message": "a GPU is admitted that does not compute confidentially",
            "hint": 'ask `assertion.submods.nvidia_gpu.cc_mode == "ON"`',
            "provider": "",
            "place": "condition",
            "span": [0, 33],
            "excerpt": "has(assertion.submods.nvidia_gpu)",
            "token": {"submods.nvidia_gpu": {"cc_mode": "OFF"}},
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_its_mode_is_enough(findings: Any) -> None:
    assert findings('assertion.submods.nvidia_gpu.cc_mode == "ON"') == []


def test_a_condition_that_says_nothing_of_gpus_is_none_of_its_business(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )
