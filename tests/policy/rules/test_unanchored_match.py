"""The rule unanchored-match."""

from __future__ import annotations

from typing import Any


def test_a_pattern_may_be_found_anywhere(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id.matches("secundus")') == [
        {
            "rule": "unanchored-match",
            "severity": "medium",
            "message": "`secundus` may have anything before and behind it",
            "hint": "begin it with `^` and end it with `$`, or write `.*` where anything may stand",
            "provider": "",
            "place": "condition",
            "span": [0, 52],
            "excerpt": 'assertion.submods.gce.project_id.matches("secundus")',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_an_alternative_is_anchored_on_one_side_only(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id.matches("^secundus|tertius$")') == [
        {
            "rule": "unanchored-match",
            "severity": "medium",
            "message": "`^secundus|tertius$` may have anything before and behind it",
            "hint": "begin it with `^` and end it with `$`, or write `.*` where anything may stand",
            "provider": "",
            "place": "condition",
            "span": [0, 62],
            "excerpt": 'assertion.submods.gce.project_id.matches("^secundus|tertius$")',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_pattern_for_the_whole_is_fine(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id.matches("^(secundus|tertius)$")') == []


def test_a_pattern_may_say_that_anything_stands_behind_it(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id.matches("^secundus-.*")') == []


def test_a_refused_pattern_is_the_stricter(findings: Any) -> None:
    assert findings('!assertion.submods.gce.project_id.matches("competitor")') == []
