"""Tokens that Google signed, against a hardened policy."""

from __future__ import annotations

from typing import Any

from policy.attribute_conditions import AttributeConditions, How, What, Where, Who, render_condition
from policy.explaining import decide, explain
from policy.schema import ENCRYPTED_MEMORY


def hardened(token: dict[str, Any]) -> str:
    """Everything asked, of the workload and the operator that this token is about."""
    container = token["submods"]["container"]
    return render_condition(
        AttributeConditions(
            what=What(
                image_digests=(container["image_digest"],), image_references=(container["image_reference"],)
            ),
            where=Where(
                swname="CONFIDENTIAL_SPACE",
                support_attribute="STABLE",
                dbgstat="disabled-since-boot",
                hwmodels=ENCRYPTED_MEMORY,
                secboot=True,
                memory_monitoring=False,
            ),
            who=Who(
                service_accounts=tuple(token["google_service_accounts"]),
                project_ids=(token["submods"]["gce"]["project_id"],),
                project_numbers=(token["submods"]["gce"]["project_number"],),
            ),
            how=How(
                args=tuple(container["args"]),
                cmd_override=(),
                env_override=tuple(container.get("env_override", ())),
            ),
        )
    )


def test_the_debug_machine_is_denied_by_exactly_its_two_clauses(debug_tokens: list[dict[str, Any]]) -> None:
    assert len(debug_tokens) == 2
    for token in debug_tokens:
        condition = hardened(token)
        trace = explain(condition, assertion=token)
        assert not trace.admitted
        assert not decide(condition, assertion=token)
        failing = [clause for clause in trace.clauses if clause.outcome != "true"]
        assert [(clause.outcome, clause.reason) for clause in failing] == [
            (
                "error",
                "`submods.confidential_space.support_attributes` is absent (debug images have none),"
                ' must contain "STABLE"',
            ),
            ("false", '`dbgstat` is "enabled", must be "disabled-since-boot"'),
        ]


def test_the_production_machine_is_admitted_when_it_is_pinned(production_token: dict[str, Any]) -> None:
    trace = explain(hardened(production_token), assertion=production_token)
    assert [clause.reason for clause in trace.clauses if clause.outcome != "true"] == []
    assert trace.admitted
    assert decide(hardened(production_token), assertion=production_token)


def test_the_production_machine_is_denied_when_another_image_is_pinned(
    production_token: dict[str, Any],
) -> None:
    pinned = production_token["submods"]["container"]["image_digest"]
    condition = hardened(production_token).replace(pinned, "sha256:" + "0" * 64, 1)
    (failing,) = [c for c in explain(condition, assertion=production_token).clauses if c.outcome != "true"]
    assert failing.claims == {"submods.container.image_digest": pinned}
    assert failing.reason == (f'`submods.container.image_digest` is "{pinned}", must be "sha256:{"0" * 64}"')
