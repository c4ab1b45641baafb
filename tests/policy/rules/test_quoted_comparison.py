"""The rule quoted-comparison."""

from __future__ import annotations

from typing import Any


def test_a_whole_condition_in_quotes_is_a_string(findings: Any) -> None:
    assert findings("'assertion.swname == \"CONFIDENTIAL_SPACE\"'") == [
        {
            "rule": "quoted-comparison",
            "severity": "high",
            "message": "a string where true or false was meant",
            "hint": "take the comparison out of its quotes",
            "provider": "",
            "place": "condition",
            "span": [0, 42],
            "excerpt": "'assertion.swname == \"CONFIDENTIAL_SPACE\"'",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_true_in_quotes_is_a_string(findings: Any) -> None:
    assert findings('assertion.secboot == "true"') == [
        {
            "rule": "quoted-comparison",
            "severity": "high",
            "message": "a string where true or false was meant",
            "hint": "write `true` or `false`, without quotes",
            "provider": "",
            "place": "condition",
            "span": [0, 27],
            "excerpt": 'assertion.secboot == "true"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_comparison_without_quotes_is_fine(findings: Any) -> None:
    assert findings('assertion.swname == "CONFIDENTIAL_SPACE"') == []
