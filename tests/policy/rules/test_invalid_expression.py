"""The rule invalid-expression."""

from __future__ import annotations

from typing import Any


def test_an_assignment_is_no_comparison(findings: Any) -> None:
    assert findings('assertion.swname = "CONFIDENTIAL_SPACE"') == [
        {
            "rule": "invalid-expression",
            "severity": "high",
            "message": "line 1, column 18: unexpected character `=`",
            "hint": "did you mean `==`?",
            "provider": "",
            "place": "condition",
            "span": [17, 18],
            "excerpt": "=",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_comparison_is_fine(findings: Any) -> None:
    assert findings('assertion.swname == "CONFIDENTIAL_SPACE"') == []


def test_an_unknown_function_is_another_rules(findings: Any) -> None:
    assert findings("f(assertion.swname)") == []


def test_a_text_that_is_too_long_is_another_rules(findings: Any) -> None:
    assert findings("(" * 4097) == []
