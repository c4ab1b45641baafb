"""The rule args-unpinned-with-override."""

from __future__ import annotations

from typing import Any


def test_the_command_line_is_open_where_an_override_is_admitted_by_its_beginning(findings: Any) -> None:
    assert findings(
        "size(assertion.submods.container.cmd_override) == 1 && "
        'assertion.submods.container.cmd_override[0].startsWith("--batch=")'
    ) == [
        {
            "rule": "args-unpinned-with-override",
            "severity": "medium",
            "message": "a command override is admitted, and the command line that results is not written out",
            "hint": 'ask for the whole command line as well: `assertion.submods.container.args == ["…"]`',
            "provider": "",
            "place": "condition",
            "span": [0, 51],
            "excerpt": "size(assertion.submods.container.cmd_override) == 1",
            "token": {"submods.container.cmd_override": ["--batch="]},
            "decided": True,
            "waived": None,
        }
    ]


def test_writing_out_the_command_line_is_enough(findings: Any) -> None:
    assert (
        findings(
            "size(assertion.submods.container.cmd_override) == 1 && "
            'assertion.submods.container.cmd_override[0].startsWith("--batch=") && '
            'assertion.submods.container.args == ["workload", "--batch=1"]'
        )
        == []
    )


def test_an_override_that_nothing_limits_is_the_graver_rules(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )
