"""The rule unguarded-override-size."""

from __future__ import annotations

from typing import Any


def test_who_overrides_nothing_is_refused(findings: Any) -> None:
    assert findings("size(assertion.submods.container.cmd_override) == 0") == [
        {
            "rule": "unguarded-override-size",
            "severity": "medium",
            "message": "`submods.container.cmd_override` is absent when nothing is "
            "overridden: then this is an error, and refuses",
            "hint": "write `!has(assertion.submods.container.cmd_override) || "
            "size(assertion.submods.container.cmd_override) == 0`",
            "provider": "",
            "place": "condition",
            "span": [0, 51],
            "excerpt": "size(assertion.submods.container.cmd_override) == 0",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_saying_that_it_may_be_absent_is_enough(findings: Any) -> None:
    assert (
        findings(
            "!has(assertion.submods.container.cmd_override) || "
            "size(assertion.submods.container.cmd_override) == 0"
        )
        == []
    )


def test_asking_for_an_override_is_something_else(findings: Any) -> None:
    assert findings('"INPUT_URI" in assertion.submods.container.env_override') == []
