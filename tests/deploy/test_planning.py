"""Wanted and observed, as actions: what is as described, what is missing, what differs, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from attestation.errors import Misconfigured
from deploy.planning import Create, Give, Restore, Update, plan
from deploy.resources import Grant, Made, Resource
from deploy.rest import policy_url_of, url_of
from tests.deploy.resources_there import AS_DESCRIBED, ASKING, BUCKET, OURS, OWNER, PRIVATE, PROVIDER

READER = Grant(on=OWNER.model_bucket, role="roles/storage.objectViewer", member="user:a")


def bound(*members: str, **more: object) -> dict[str, Any]:
    return {"bindings": [{"role": READER.role, "members": list(members), **more}]}


@pytest.mark.parametrize("kind", AS_DESCRIBED)
def test_what_is_as_described_is_left_alone(kind: str) -> None:
    resource, found = AS_DESCRIBED[kind]
    assert plan([resource], {url_of(resource): found}) == ()


@pytest.mark.parametrize("kind", AS_DESCRIBED)
def test_what_is_not_there_is_created(kind: str) -> None:
    resource, _ = AS_DESCRIBED[kind]
    assert plan([resource], {url_of(resource): None}) == (Create(resource=resource),)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        pytest.param("attributeCondition", "true", id="another condition"),
        pytest.param("attributeCondition", None, id="no condition"),
        pytest.param("attributeMapping", {"google.subject": "'all'"}, id="another mapping"),
        pytest.param(
            "attributeMapping", {**ASKING["attributeMapping"], "attribute.a": "'a'"}, id="one attribute more"
        ),
        pytest.param("oidc", {"issuerUri": "https://evil.example"}, id="another issuer"),
        pytest.param("oidc", {**ASKING["oidc"], "jwksJson": "{}"}, id="keys given by hand"),
        pytest.param(
            "oidc", {**ASKING["oidc"], "allowedAudiences": ["https://sts.googleapis.com"]}, id="an audience"
        ),
    ],
)
def test_a_provider_that_asks_otherwise_is_set_right_in_that_field_alone(field: str, found: object) -> None:
    there = {key: value for key, value in {**ASKING, field: found}.items() if value is not None}
    (action,) = plan([PROVIDER], {url_of(PROVIDER): there})
    before = {field: "" if found is None else found}
    assert action == Update(resource=PROVIDER, before=before, after={field: ASKING[field]})


def test_a_provider_without_a_condition_is_as_described_where_google_leaves_it_out() -> None:
    provider = OWNER.provider(mapping={"google.subject": "assertion.sub"}, condition="")
    there = {key: value for key, value in ASKING.items() if key != "attributeCondition"}
    assert plan([provider], {url_of(provider): there}) == ()


@pytest.mark.parametrize(
    "drift",
    [
        pytest.param({"publicAccessPrevention": "inherited"}, id="it could become public"),
        pytest.param({"uniformBucketLevelAccess": {"enabled": False}}, id="objects have lists of their own"),
    ],
)
def test_a_bucket_that_is_less_closed_is_closed(drift: dict[str, object]) -> None:
    there = {**BUCKET, "iamConfiguration": {**PRIVATE, **drift}}
    (action,) = plan([OWNER.model_bucket], {url_of(OWNER.model_bucket): there})
    assert isinstance(action, Update)
    assert action.before == {"iamConfiguration": {**PRIVATE, **drift}}
    assert action.after["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert action.after["iamConfiguration"]["uniformBucketLevelAccess"] == {"enabled": True}


@pytest.mark.parametrize(
    ("resource", "found", "words"),
    [
        pytest.param(
            OWNER.model_bucket, {**BUCKET, "projectNumber": "666"}, "project number `666`", id="bucket"
        ),
        pytest.param(OWNER.model_bucket, {"name": "b"}, "project number `None`", id="nobody's bucket"),
        pytest.param(OWNER.repository, {"format": "NPM"}, "holds `NPM`", id="repository of packages"),
        pytest.param(OWNER.service_account, {"disabled": True}, "is disabled", id="disabled account"),
        pytest.param(OWNER.pool, {"state": "ACTIVE", "disabled": True}, "is disabled", id="disabled pool"),
        pytest.param(PROVIDER, {**ASKING, "disabled": True}, "is disabled", id="disabled provider"),
        pytest.param(
            PROVIDER,
            {**ASKING, "disabled": True, "state": "DELETED"},
            "is disabled",
            id="deleted provider that was disabled",
        ),
    ],
)
def test_what_is_not_ours_to_use_refuses_the_plan(resource: Made, found: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        plan([OWNER.pool, resource], {url_of(OWNER.pool): None, url_of(resource): found})


def test_a_deleted_provider_is_restored_and_set_right() -> None:
    there = {**ASKING, "state": "DELETED", "attributeCondition": "true"}
    assert plan([PROVIDER], {url_of(PROVIDER): there}) == (
        Restore(resource=PROVIDER),
        Update(
            resource=PROVIDER, before={"attributeCondition": "true"}, after={"attributeCondition": "false"}
        ),
    )


def test_a_deleted_pool_is_restored() -> None:
    there = {url_of(OWNER.pool): {"state": "DELETED", **OURS}}
    assert plan([OWNER.pool], there) == (Restore(resource=OWNER.pool),)


@pytest.mark.parametrize(
    ("policy", "actions"),
    [
        pytest.param(bound("user:a", "user:b"), (), id="the member holds the role"),
        pytest.param(bound("user:b"), (Give(grant=READER),), id="another holds it"),
        pytest.param({}, (Give(grant=READER),), id="nobody holds any"),
        pytest.param(None, (Give(grant=READER),), id="the bucket is not there yet"),
        pytest.param(
            bound("user:a", condition={"expression": "false"}), (Give(grant=READER),), id="under a condition"
        ),
        pytest.param(
            {"bindings": [{"role": "roles/x", "members": ["user:a"]}]},
            (Give(grant=READER),),
            id="the member holds another",
        ),
    ],
)
def test_a_grant_is_given_to_those_alone_who_lack_it(
    policy: dict[str, Any] | None, actions: tuple[Give, ...]
) -> None:
    assert plan([READER], {policy_url_of(OWNER.model_bucket): policy}) == actions


def test_a_plan_keeps_the_order_and_asks_for_nothing_twice() -> None:
    wanted: list[Resource] = [OWNER.model_bucket, READER, OWNER.pool, READER, OWNER.model_bucket]
    observed = {
        url_of(OWNER.model_bucket): None,
        policy_url_of(OWNER.model_bucket): None,
        url_of(OWNER.pool): None,
    }
    assert plan(wanted, observed) == (
        Create(resource=OWNER.model_bucket),
        Give(grant=READER),
        Create(resource=OWNER.pool),
    )


def test_what_was_not_observed_cannot_be_planned() -> None:
    with pytest.raises(KeyError):
        plan([OWNER.pool], {})


def test_an_action_is_one_line_to_read() -> None:
    changed = Update(
        resource=PROVIDER, before={"attributeCondition": "true"}, after={"attributeCondition": "false"}
    )
    assert [
        str(action)
        for action in (
            Create(resource=OWNER.service_account),
            Restore(resource=OWNER.pool),
            changed,
            Give(grant=READER),
        )
    ] == [
        "create service account `primus-sa@primus.iam.gserviceaccount.com`",
        "restore workload identity pool `primus-wip`",
        "update provider `primus-wip-provider`: attributeCondition",
        "grant `roles/storage.objectViewer` on bucket `primus-input-bucket` to `user:a`",
    ]
