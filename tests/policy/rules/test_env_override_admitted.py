"""The rule env-override-admitted."""

from __future__ import annotations

from typing import Any


def test_a_variable_is_set_where_none_is_refused(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    ) == [
        {
            "rule": "env-override-admitted",
            "severity": "high",
            "message": "whoever launches the workload may set variables that the condition does not name",
            "hint": "ask `!has(assertion.submods.container.env_override) || "
            'assertion.submods.container.env_override.all(name, name in ["…"])`',
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {
                "submods.container.env.LD_PRELOAD": "x",
                "submods.container.env_override": {"LD_PRELOAD": "x"},
                "submods.container.image_digest": "sha256:" + "a" * 64,
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_a_variable_that_is_not_on_the_deny_list_is_set(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
        '!("LD_PRELOAD" in assertion.submods.container.env_override)'
    ) == [
        {
            "rule": "env-override-admitted",
            "severity": "high",
            "message": "whoever launches the workload may set variables that the condition does not name",
            "hint": "ask `!has(assertion.submods.container.env_override) || "
            'assertion.submods.container.env_override.all(name, name in ["…"])`',
            "provider": "",
            "place": "condition",
            "span": [121, 180],
            "excerpt": '!("LD_PRELOAD" in assertion.submods.container.env_override)',
            "token": {
                "submods.container.env.PYTHONPATH": "x",
                "submods.container.env_override": {"PYTHONPATH": "x"},
                "submods.container.image_digest": "sha256:" + "a" * 64,
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_naming_the_variables_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "(!has(assertion.submods.container.env_override) || "
            'assertion.submods.container.env_override.all(name, name in ["INPUT_URI"]))'
        )
        == []
    )


def test_asking_for_no_override_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "(!has(assertion.submods.container.env_override) || "
            "size(assertion.submods.container.env_override) == 0)"
        )
        == []
    )
