"""A plan for people and for a file: a row for each resource, field by field, and refused once it is stale."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attestation.errors import Misconfigured
from deploy.planning import Action, Create, Delete, Enable, Give, Restore, Revoke, Update
from deploy.plans import Difference, StalePlan, changes, check_fresh, render_plan, rows_of
from deploy.resources import EnabledApi, Grant, Resource
from deploy.rest import url_of
from tests.deploy.resources_there import ASKING, BUCKET, OWNER, PROJECT, PROVIDER

API = EnabledApi(project=PROJECT, name="iam.googleapis.com")
READER = Grant(on=OWNER.model_bucket, role="roles/x", member="user:a")
WANTED: tuple[Resource, ...] = (API, OWNER.model_bucket, READER, OWNER.pool, PROVIDER)


def test_every_resource_has_one_row_in_the_order_of_what_is_wanted() -> None:
    actions: list[Action] = [Enable(apis=(API,)), Create(resource=OWNER.pool), Give(grant=READER)]
    rows = rows_of(WANTED, {}, actions, removing=False)
    assert [(each.verb, each.what.split()[0]) for each in rows] == [
        ("change", "API"),
        ("keep", "bucket"),
        ("create", "`roles/x`"),
        ("create", "workload"),
        ("keep", "provider"),
    ]
    assert [each.verb for each in changes(rows)] == ["change", "create", "create"]


def test_what_is_created_is_shown_with_every_field_that_is_sent() -> None:
    rows = rows_of([OWNER.model_bucket], {}, [Create(resource=OWNER.model_bucket)], removing=False)
    shown = {each.field: (each.before, each.after) for each in rows[0].differences}
    assert shown["iamConfiguration.publicAccessPrevention"] == (None, "enforced")
    assert shown["versioning.enabled"] == (None, True)
    assert shown["labels.managed-by"] == (None, "symbolon")


def test_what_is_changed_is_shown_field_by_field_and_what_stays_is_not() -> None:
    before = {"attributeMapping": {"google.subject": "'a'", "attribute.b": "'b'"}, "oidc": ASKING["oidc"]}
    after = {
        "attributeMapping": {"google.subject": "'c'"},
        "oidc": {**ASKING["oidc"], "allowedAudiences": ["x"]},
    }
    (found,) = rows_of(
        [PROVIDER], {}, [Update(resource=PROVIDER, before=before, after=after)], removing=False
    )
    assert found.verb == "change"
    assert found.differences == (
        Difference(field="attributeMapping.google.subject", before="'a'", after="'c'"),
        Difference(field="oidc.allowedAudiences", before=None, after=["x"]),
        Difference(field="attributeMapping.attribute.b", before="'b'", after=None),
    )


def test_what_is_restored_and_changed_is_one_row() -> None:
    update = Update(resource=PROVIDER, before={"attributeCondition": "a"}, after={"attributeCondition": "b"})
    (found,) = rows_of([PROVIDER], {}, [Restore(resource=PROVIDER), update], removing=False)
    assert [each.field for each in found.differences] == ["state", "attributeCondition"]


def test_what_goes_stands_in_the_order_in_which_it_goes() -> None:
    observed: dict[str, Any] = {url_of(OWNER.pool): {}, url_of(PROVIDER): None}
    actions: list[Action] = [Revoke(grant=READER), Delete(resource=OWNER.model_bucket, objects=3)]
    rows = rows_of(WANTED, observed, actions, removing=True)
    assert [each.verb for each in rows] == ["keep", "keep", "delete", "delete", "keep"]
    assert [each.note for each in rows if each.verb == "keep"] == [
        "is not there",
        "was not made by symbolon",
        "stays enabled: others may call it",
    ]
    assert rows[3].differences == (Difference(field="objects", before=3, after=None),)


def saved(*actions: Any) -> dict[str, Any]:
    rows = rows_of(WANTED, {}, actions, removing=False)
    document = render_plan(rows, party="owner", project="primus", removing=False)
    loaded: dict[str, Any] = json.loads(json.dumps(document))
    return loaded


def check(document: dict[str, Any], *actions: Any, party: str = "owner", project: str = "primus") -> None:
    rows = rows_of(WANTED, {}, actions, removing=False)
    check_fresh(document, rows, party=party, project=project)


MAKE, GIVE = Create(resource=OWNER.model_bucket), Give(grant=READER)
NARROW = Update(
    resource=PROVIDER, before={"attributeCondition": "true"}, after={"attributeCondition": "false"}
)
FROM_ELSEWHERE = Update(
    resource=PROVIDER, before={"attributeCondition": "1"}, after={"attributeCondition": "false"}
)


def test_a_plan_is_fresh_while_it_shows_all_that_would_be_done() -> None:
    check(saved(MAKE, GIVE, NARROW), MAKE, GIVE, NARROW)
    check(saved(MAKE, GIVE, NARROW), GIVE)  # the rest is done already: an interrupted start
    check(saved(MAKE, GIVE))


@pytest.mark.parametrize(
    ("shown", "now"),
    [
        pytest.param([MAKE], [MAKE, GIVE], id="one action more"),
        pytest.param([NARROW], [FROM_ELSEWHERE], id="another value before"),
        pytest.param([], [MAKE], id="a plan of nothing"),
    ],
)
def test_a_plan_that_what_stands_has_outrun_is_refused(shown: list[Any], now: list[Any]) -> None:
    with pytest.raises(StalePlan, match="the plan is stale") as caught:
        check(saved(*shown), *now)
    assert "plan again" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"format": 2}, "is no plan", id="another format"),
        pytest.param({"rows": None}, "is no plan", id="no rows"),
        pytest.param({"plan": "destroy"}, "`destroy owner primus`", id="to destroy"),
        pytest.param({"party": "operator"}, "`apply operator primus`", id="another party's"),
        pytest.param({"project": "tertius"}, "`apply owner tertius`", id="another project's"),
    ],
)
def test_a_file_that_is_another_plan_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        check({**saved(MAKE), **change}, MAKE)


def test_a_bucket_that_is_as_described_is_kept() -> None:
    rows = rows_of([OWNER.model_bucket], {url_of(OWNER.model_bucket): BUCKET}, [], removing=False)
    assert [(each.verb, each.differences) for each in rows] == [("keep", ())]
