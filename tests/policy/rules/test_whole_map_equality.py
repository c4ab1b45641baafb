"""The rule whole-map-equality."""

from __future__ import annotations

from typing import Any


def test_one_variable_more_is_another_environment(findings: Any) -> None:
    assert findings('assertion.submods.container.env == {"INPUT_URI": "gs://in"}') == [
        {
            "rule": "whole-map-equality",
            "severity": "warning",
            "message": "one more entry in `submods.container.env`, or one less, and this is false",
            "hint": "ask for the entries that matter, one by one",
            "provider": "",
            "place": "condition",
            "span": [0, 59],
            "excerpt": 'assertion.submods.container.env == {"INPUT_URI": "gs://in"}',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_one_variable_is_fine(findings: Any) -> None:
    assert findings('assertion.submods.container.env["INPUT_URI"] == "gs://in"') == []
