"""The rule image-labels-wider-than-condition."""

from __future__ import annotations

from datetime import date
from typing import Any

from policy.linting import lint
from policy.proving.smt.questions import NOT_INSTALLED

CONTAINER = "assertion.submods.container"
CONDITION = (
    f"(!has({CONTAINER}.cmd_override) || size({CONTAINER}.cmd_override) == 0)"
    f' && (!has({CONTAINER}.env_override) || {CONTAINER}.env_override.all(name, name in ["INPUT_URI"]))'
)


def labels(**values: str) -> dict[str, object]:
    return {"config": {"Labels": {f"tee.launch_policy.{name}": value for name, value in values.items()}}}


def test_capabilities_are_in_no_claim(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION), image=labels(allow_capabilities="true"))) == [
        {
            "rule": "image-labels-wider-than-condition",
            "severity": "high",
            "message": 'the label `tee.launch_policy.allow_capabilities` is "true": no claim '
            "shows whether it was used",
            "hint": "build the image without it",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "image",
            "span": [0, 4],
            "excerpt": "true",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_an_override_that_the_condition_refuses_need_not_be_allowed(
    findings: Any, read: Any, provider: Any
) -> None:
    assert findings(
        read(
            provider(CONDITION), image=labels(allow_cmd_override="true", allow_env_override="INPUT_URI,DEBUG")
        )
    ) == [
        {
            "rule": "image-labels-wider-than-condition",
            "severity": "high",
            "message": 'the label `tee.launch_policy.allow_cmd_override` is "true": the '
            "condition admits no override",
            "hint": "build the image without it",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "image",
            "span": [0, 4],
            "excerpt": "true",
            "token": None,
            "decided": True,
            "waived": None,
        },
        {
            "rule": "image-labels-wider-than-condition",
            "severity": "high",
            "message": "the label `tee.launch_policy.allow_env_override` is "
            '"INPUT_URI,DEBUG": the condition refuses `DEBUG`',
            "hint": "build the image without it",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "image",
            "span": [0, 15],
            "excerpt": "INPUT_URI,DEBUG",
            "token": None,
            "decided": True,
            "waived": None,
        },
    ]


def test_labels_that_allow_what_the_condition_admits_are_fine(
    findings: Any, read: Any, provider: Any
) -> None:
    assert (
        findings(
            read(
                provider(CONDITION), image=labels(allow_cmd_override="false", allow_env_override="INPUT_URI")
            )
        )
        == []
    )


def test_without_an_image_there_is_nothing_to_say(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION))) == []


def test_a_label_that_nothing_is_known_about_does_not_pass(read: Any, provider: Any) -> None:
    policies = read(provider(CONDITION), image=labels(allow_env_override="INPUT_URI"))
    found = [each for each in lint(policies, None, today=date(2026, 6, 1)) if each.rule.startswith("image-")]
    assert [(each.decided, each.message) for each in found] == [(False, NOT_INSTALLED)]
