"""The rule optional-claim-required."""

from __future__ import annotations

from typing import Any


def test_a_machine_without_a_gpu_is_refused_where_only_a_mode_is_meant(findings: Any) -> None:
    assert findings('assertion.submods.nvidia_gpu.cc_mode != "DEVTOOLS"') == [
        {
            "rule": "optional-claim-required",
            "severity": "info",
            "message": "whoever has no `submods.nvidia_gpu.cc_mode` is refused too: a claim "
            "that is absent makes this an error",
            "hint": "write `!has(…) || …` if such tokens are meant to be admitted",
            "provider": "",
            "place": "condition",
            "span": [0, 50],
            "excerpt": 'assertion.submods.nvidia_gpu.cc_mode != "DEVTOOLS"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_saying_that_it_may_be_absent_is_enough(findings: Any) -> None:
    assert (
        findings('!has(assertion.submods.nvidia_gpu) || assertion.submods.nvidia_gpu.cc_mode != "DEVTOOLS"')
        == []
    )


def test_asking_for_a_value_means_to_ask_for_the_claim(findings: Any) -> None:
    assert findings('assertion.submods.nvidia_gpu.cc_mode == "ON"') == []
