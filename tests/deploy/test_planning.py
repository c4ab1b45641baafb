"""Wanted and observed, as actions: what is as described, what is missing, what differs, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from attestation.errors import Misconfigured
from deploy.failures import NotOurs
from deploy.planning import Create, Enable, Give, Restore, Revoke, Update, plan
from deploy.resources import EnabledApi, Grant, Made, Resource
from deploy.rest import policy_url_of, url_of
from tests.deploy.resources_there import AS_DESCRIBED, ASKING, BUCKET, OURS, OWNER, PRIVATE, PROJECT, PROVIDER

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


@pytest.mark.parametrize(
    ("resource", "line"),
    [
        (
            OWNER.service_account,
            f"gcloud iam service-accounts enable {OWNER.service_account.email} --project=",
        ),
        (OWNER.pool, f"gcloud iam workload-identity-pools update {OWNER.pool.name} --no-disabled"),
        (
            PROVIDER,
            f"gcloud iam workload-identity-pools providers update-oidc {PROVIDER.name} --no-disabled",
        ),
    ],
)
def test_whoever_finds_something_switched_off_is_told_how_it_is_switched_on(
    resource: Made, line: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        plan([resource], {url_of(resource): {**ASKING, "state": "ACTIVE", "disabled": True}})
    assert line in refused.value.hint


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


def test_apis_that_are_not_enabled_are_enabled_together_and_first() -> None:
    apis = [EnabledApi(project=PROJECT, name=f"{name}.googleapis.com") for name in ("iam", "sts", "storage")]
    states = {url_of(apis[0]): {"state": "DISABLED"}, url_of(apis[1]): {"state": "ENABLED"}}
    observed: dict[str, Any] = {**states, url_of(apis[2]): None, url_of(OWNER.pool): None}
    assert plan([OWNER.pool, *apis], observed) == (
        Enable(apis=(apis[0], apis[2])),
        Create(resource=OWNER.pool),
    )


@pytest.mark.parametrize(
    ("kind", "found", "words"),
    [
        pytest.param("bucket", {**BUCKET, "labels": {}, "versioning": None}, "in `versioning`", id="bucket"),
        pytest.param(
            "provider",
            {**ASKING, "description": "", "attributeCondition": "true"},
            "in `attributeCondition`",
            id="provider",
        ),
        pytest.param("pool", {"state": "DELETED"}, "was deleted less than 30 days ago", id="deleted pool"),
    ],
)
def test_what_was_not_made_here_is_not_changed(kind: str, found: dict[str, Any], words: str) -> None:
    resource, _ = AS_DESCRIBED[kind]
    with pytest.raises(NotOurs, match=words) as caught:
        plan([resource], {url_of(resource): found})
    assert caught.value.taken_id == ("primus-wip" if kind == "pool" else "")


@pytest.mark.parametrize("kind", AS_DESCRIBED)
def test_what_was_not_made_here_and_is_as_described_is_used(kind: str) -> None:
    resource, found = AS_DESCRIBED[kind]
    unmarked = {key: value for key, value in found.items() if key not in ("description", "labels")}
    assert plan([resource], {url_of(resource): unmarked}) == ()


def test_a_bucket_does_not_move() -> None:
    there = {url_of(OWNER.model_bucket): {**BUCKET, "location": "EU"}}
    with pytest.raises(Misconfigured, match="is in `EU`, and a bucket cannot move to `us-west1`"):
        plan([OWNER.model_bucket], there)


A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("account", "members", "taken"),
    [
        pytest.param(OURS, [A, B], [B], id="another image"),
        pytest.param(OURS, [A], [], id="the one that is pinned"),
        pytest.param({}, [A, B], [], id="on an account that is not ours"),
    ],
)
def test_only_images_that_are_pinned_stay_bound(
    account: dict[str, Any], members: list[Any], taken: list[Any]
) -> None:
    others = ["user:a", f"principalSet://iam.googleapis.com/{OWNER.pool.name}/*"]
    bound_members = [*others, *(OWNER.pool.image_member(digest) for digest in members)]
    role = "roles/iam.workloadIdentityUser"
    observed: dict[str, Any] = {
        url_of(OWNER.service_account): account,
        policy_url_of(OWNER.service_account): {"bindings": [{"role": role, "members": bound_members}]},
    }
    wanted: list[Resource] = [OWNER.service_account, OWNER.no_other_admissions([A])]  # type: ignore[list-item]
    assert plan(wanted, observed) == tuple(
        Revoke(grant=Grant(on=OWNER.service_account, role=role, member=OWNER.pool.image_member(digest)))
        for digest in taken
    )


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
