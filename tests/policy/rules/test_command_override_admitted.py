"""The rule command-override-admitted."""

from __future__ import annotations

from typing import Any


def test_another_command_is_admitted_where_it_is_not_refused(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    ) == [
        {
            "rule": "command-override-admitted",
            "severity": "high",
            "message": "whoever launches the workload may give it another command",
            "hint": "ask `!has(assertion.submods.container.cmd_override) || "
            "size(assertion.submods.container.cmd_override) == 0`",
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {
                "submods.container.args": ["/bin/sh"],
                "submods.container.cmd_override": ["/bin/sh"],
                "submods.container.image_digest": "sha256:" + "a" * 64,
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_no_override_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "(!has(assertion.submods.container.cmd_override) || "
            "size(assertion.submods.container.cmd_override) == 0)"
        )
        == []
    )


def test_writing_out_the_command_line_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            'assertion.submods.container.args == ["python", "-m", "workload"]'
        )
        == []
    )


def test_an_override_within_bounds_is_another_rules(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            'assertion.submods.container.cmd_override[0].startsWith("--batch=")'
        )
        == []
    )
