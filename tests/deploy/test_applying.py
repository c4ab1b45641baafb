"""What each action sends, and that nothing is looked at again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import Denied
from deploy.applying import apply
from deploy.google_api import GoogleApi
from deploy.planning import Action, Create, Give, Restore, Update
from deploy.resources import Grant, Made
from tests.deploy.resources_there import ASKING, OURS, OWNER, PROVIDER

DONE = {"name": "operations/1", "done": True}
POOLS = "https://iam.googleapis.com/v1/projects/100/locations/global/workloadIdentityPools"
LABELS = {"managed-by": "symbolon"}
CLOSED = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
Answering = Callable[..., None]


@pytest.mark.parametrize(
    ("resource", "asked", "body"),
    [
        pytest.param(
            OWNER.model_bucket,
            "https://storage.googleapis.com/storage/v1/b?project=primus",
            {
                "name": "primus-input-bucket",
                "location": "us-west1",
                "iamConfiguration": CLOSED,
                "versioning": {"enabled": True},
                "labels": LABELS,
            },
            id="bucket",
        ),
        pytest.param(
            OWNER.service_account,
            "https://iam.googleapis.com/v1/projects/primus/serviceAccounts",
            {"accountId": "primus-sa", "serviceAccount": OURS},
            id="service account",
        ),
        pytest.param(OWNER.pool, f"{POOLS}?workloadIdentityPoolId=primus-wip", OURS, id="pool"),
        pytest.param(
            PROVIDER,
            f"{POOLS}/primus-wip/providers?workloadIdentityPoolProviderId=primus-wip-provider",
            {key: value for key, value in ASKING.items() if key != "state"},
            id="provider",
        ),
        pytest.param(
            OWNER.repository,
            "https://artifactregistry.googleapis.com/v1/projects/primus/locations/us/repositories"
            "?repositoryId=primus-artifact-repo",
            {"format": "DOCKER", "labels": LABELS},
            id="repository",
        ),
    ],
)
def test_what_is_created_is_created_as_described(
    api: GoogleApi, answering: Answering, google: Any, resource: Made, asked: str, body: object
) -> None:
    answering(DONE)
    apply(api, [Create(resource=resource)])
    assert google.asked == [f"POST {asked}"]
    assert google.body(0) == body


@pytest.mark.parametrize(
    ("resource", "operation"),
    [
        (OWNER.pool, "https://iam.googleapis.com/v1/operations/1"),
        (PROVIDER, "https://iam.googleapis.com/v1/operations/1"),
        (OWNER.repository, "https://artifactregistry.googleapis.com/v1/operations/1"),
    ],
    ids=["pool", "provider", "repository"],
)
def test_what_takes_a_moment_is_waited_for(
    api: GoogleApi, answering: Answering, google: Any, resource: Made, operation: str
) -> None:
    answering({"name": "operations/1"}, DONE)
    apply(api, [Create(resource=resource)])
    assert google.asked[1] == f"GET {operation}"


def test_a_provider_is_changed_in_the_fields_of_the_action_alone(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering(DONE)
    after = {"attributeCondition": "false", "oidc": ASKING["oidc"]}
    apply(api, [Update(resource=PROVIDER, before={}, after=after)])
    assert google.asked == [
        f"PATCH {POOLS}/primus-wip/providers/primus-wip-provider?updateMask=attributeCondition%2Coidc"
    ]
    assert google.body(0) == after


def test_a_bucket_is_changed_in_its_settings(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({})
    apply(api, [Update(resource=OWNER.model_bucket, before={}, after={"iamConfiguration": CLOSED})])
    assert google.asked == ["PATCH https://storage.googleapis.com/storage/v1/b/primus-input-bucket"]
    assert google.body(0) == {"iamConfiguration": CLOSED}


def test_what_was_deleted_is_undeleted_and_waited_for(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering({"name": "operations/1"}, DONE)
    apply(api, [Restore(resource=OWNER.pool)])
    assert google.asked == [
        f"POST {POOLS}/primus-wip:undelete",
        "GET https://iam.googleapis.com/v1/operations/1",
    ]


def test_each_action_is_told_when_it_is_done_and_what_follows_a_failure_is_not_tried(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    grant = Grant(on=OWNER.model_bucket, role="roles/x", member="user:a")
    actions: list[Action] = [
        Create(resource=OWNER.model_bucket),
        Create(resource=OWNER.service_account),
        Give(grant=grant),
    ]
    done: list[Action] = []
    answering({}, (403, {"error": {"message": "No."}}))
    with pytest.raises(Denied):
        apply(api, actions, on_done=done.append)
    assert done == actions[:1]
    assert len(google.sent) == 2
