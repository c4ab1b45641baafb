"""The rule unsupported-function."""

from __future__ import annotations

from typing import Any


def test_a_function_of_another_extension_is_not_there(findings: Any) -> None:
    assert findings('assertion.swname.lowerAscii() == "confidential_space"') == [
        {
            "rule": "unsupported-function",
            "severity": "high",
            "message": "line 1, column 1: there is no function `lowerAscii`",
            "hint": "",
            "provider": "",
            "place": "condition",
            "span": [0, 29],
            "excerpt": "assertion.swname.lowerAscii()",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_googles_own_extensions_are_there(findings: Any) -> None:
    assert findings('assertion.swname.extract("CONFIDENTIAL_{what}") == "SPACE"') == []


def test_a_text_that_is_no_cel_is_another_rules(findings: Any) -> None:
    assert findings("assertion.swname =") == []
