"""What goes: what bears our mark, in reverse; what stays: what does not, and what would be lost unsaid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import Misconfigured
from deploy.failures import NotOurs
from deploy.google_api import GoogleApi
from deploy.planning import Delete, Revoke
from deploy.removing import Contents, look_inside, plan_removal, stays
from deploy.resources import (
    Bucket,
    DockerRepository,
    EnabledApi,
    Grant,
    Resource,
    ServiceAccount,
    WorkloadIdentityPool,
    made_of,
)
from deploy.rest import policy_url_of, url_of
from tests.deploy.resources_there import AS_DESCRIBED, ASKING, BUCKET, OURS, OWNER, PROJECT, PROVIDER

ACCOUNT = OWNER.service_account
ON_PROJECT = Grant(on=PROJECT, role="roles/logging.logWriter", member=ACCOUNT.member)
ON_BUCKET = Grant(on=OWNER.model_bucket, role="roles/x", member=ACCOUNT.member)
OF_ANOTHER = Grant(on=PROJECT, role="roles/x", member="user:a")
WANTED: tuple[Resource, ...] = (
    EnabledApi(project=PROJECT, name="iam.googleapis.com"),
    *(resource for resource, _ in AS_DESCRIBED.values()),
    ON_PROJECT,
    ON_BUCKET,
    OF_ANOTHER,
)
THERE: dict[str, Any] = {url_of(resource): found for resource, found in AS_DESCRIBED.values()}
POLICIES: dict[str, Any] = {
    policy_url_of(PROJECT): {
        "bindings": [
            {"role": "roles/logging.logWriter", "members": [ACCOUNT.member]},
            {"role": "roles/x", "members": ["user:a"]},
        ]
    },
    policy_url_of(OWNER.model_bucket): {"bindings": [{"role": "roles/x", "members": [ACCOUNT.member]}]},
}
Answering = Callable[..., None]


def removal(observed: dict[str, Any], contents: Contents | None = None, **options: bool) -> list[str]:
    chosen = {"with_contents": False, **options}
    inside = {url_of(OWNER.pool): ("primus-wip-provider",)} if contents is None else contents
    return [str(action) for action in plan_removal(WANTED, {**POLICIES, **observed}, inside, **chosen)]


def test_everything_of_ours_goes_in_reverse_and_what_is_given_beside_it_first() -> None:
    assert removal(THERE) == [
        f"revoke `roles/logging.logWriter` on project `primus` to `{ACCOUNT.member}`",
        "delete repository `primus-artifact-repo`",
        "delete provider `primus-wip-provider`",
        "delete workload identity pool `primus-wip`",
        f"delete service account `{ACCOUNT.email}`",
        "delete bucket `primus-input-bucket`",
    ]


def test_what_bears_no_mark_stays_and_a_grant_on_it_to_an_account_of_ours_goes() -> None:
    unmarked = {**BUCKET, "labels": {}}
    actions = removal({**THERE, url_of(OWNER.model_bucket): unmarked})
    assert "delete bucket `primus-input-bucket`" not in actions
    assert f"revoke `roles/x` on bucket `primus-input-bucket` to `{ACCOUNT.member}`" in actions


def test_a_grant_of_an_account_that_is_not_ours_stays() -> None:
    actions = removal({**THERE, url_of(ACCOUNT): {"email": ACCOUNT.email}})
    assert not [action for action in actions if action.startswith("revoke")]
    assert not [action for action in actions if "service account" in action]


def test_the_bucket_of_another_project_stays_whatever_it_says_of_itself() -> None:
    actions = removal({**THERE, url_of(OWNER.model_bucket): {**BUCKET, "projectNumber": "666"}})
    assert "delete bucket `primus-input-bucket`" not in actions


def test_what_is_deleted_already_is_not_deleted_again() -> None:
    gone = {**OURS, "state": "DELETED", "expireTime": "2026-12-24T00:00:00Z"}
    observed = {**dict.fromkeys(THERE), url_of(OWNER.pool): gone}
    assert removal(observed) == []
    assert stays(OWNER.pool, observed) == "is deleted already; its ID is free again on 2026-12-24"


def test_a_bucket_with_something_in_it_goes_only_where_that_was_said() -> None:
    contents = {url_of(OWNER.model_bucket): ("a", "a", "b"), url_of(OWNER.pool): ("primus-wip-provider",)}
    with pytest.raises(Misconfigured, match="holds 3 objects") as caught:
        removal(THERE, contents)
    assert "--with-contents" in caught.value.hint
    assert "delete bucket `primus-input-bucket` with 3 objects" in removal(
        THERE, contents, with_contents=True
    )
    one = {**contents, url_of(OWNER.model_bucket): ("a",)}
    assert "delete bucket `primus-input-bucket` with 1 object" in removal(THERE, one, with_contents=True)
    thousand = {**contents, url_of(OWNER.model_bucket): ("a",) * 1000}
    with pytest.raises(Misconfigured, match="holds 1000 or more objects"):
        removal(THERE, thousand)


def test_a_repository_with_images_goes_only_where_that_was_said() -> None:
    contents = {url_of(OWNER.repository): ("a@sha256:0", "b@sha256:1"), url_of(OWNER.pool): ()}
    with pytest.raises(
        Misconfigured, match="`primus-artifact-repo` holds 2 images: nothing was deleted"
    ) as caught:
        removal(THERE, contents)
    assert "--with-contents" in caught.value.hint
    assert "delete repository `primus-artifact-repo` with 2 images" in removal(
        THERE, contents, with_contents=True
    )
    assert "delete repository `primus-artifact-repo`" in removal(THERE, {})


@pytest.mark.parametrize(
    ("observed", "provider"),
    [
        pytest.param(THERE, "theirs", id="a provider that nobody here wants"),
        pytest.param(
            {**THERE, url_of(PROVIDER): {**ASKING, "description": ""}},
            "primus-wip-provider",
            id="one under our name without our mark",
        ),
    ],
)
def test_a_pool_with_somebody_else_s_provider_stays_with_all_the_rest(
    observed: dict[str, Any], provider: str
) -> None:
    with pytest.raises(NotOurs, match=f"provider `{provider}`, which was not made by symbolon"):
        removal(observed, {url_of(OWNER.pool): (provider,)})


def test_only_what_is_ours_is_looked_into(api: GoogleApi, answering: Answering, google: Any) -> None:
    by_kind = {
        "dockerImages": {"dockerImages": [{"name": "p/dockerImages/i@sha256:0"}]},
        "providers": {"workloadIdentityPoolProviders": [{"name": "p/x", "state": "DELETED"}]},
        "o": {"items": [{"name": "a"}]},
    }
    kinds = {Bucket: "o", DockerRepository: "dockerImages", WorkloadIdentityPool: "providers"}
    answering(*(by_kind[kinds[type(each)]] for each in made_of(WANTED) if type(each) in kinds))
    assert look_inside(api, WANTED, THERE) == {
        url_of(OWNER.model_bucket): ("a",),
        url_of(OWNER.repository): ("i@sha256:0",),
        url_of(OWNER.pool): (),
    }
    google.sent.clear()
    assert look_inside(api, WANTED, dict.fromkeys(THERE)) == {}
    assert google.sent == []


def test_an_action_says_what_goes() -> None:
    other = ServiceAccount(project=PROJECT, account_id="other")
    assert str(Delete(resource=other)) == f"delete service account `{other.email}`"
    assert str(Revoke(grant=OF_ANOTHER)) == "revoke `roles/x` on project `primus` to `user:a`"
