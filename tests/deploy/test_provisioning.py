"""What `ensure` does about what is there already: nothing, what differs, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import Denied, Misconfigured
from deploy.google_api import AlreadyExists, GoogleApi
from deploy.provisioning import Change, ensure, ensure_all, look_up_project
from deploy.resources import Project, Resource, operator_of, owner_of

PROJECT = Project(project_id="primus", number="100")
OWNER = owner_of(PROJECT)
PROVIDER = OWNER.provider(mapping={"google.subject": "assertion.sub"}, condition="false")
MISSING = (404, {"error": {"code": 404, "message": "Not found."}})
EXISTS = (409, {"error": {"code": 409, "message": "It exists."}})
DONE = {"name": "operations/1", "done": True}
PRIVATE = {
    "uniformBucketLevelAccess": {"enabled": True, "lockedTime": "2026-01-01T00:00:00Z"},
    "publicAccessPrevention": "enforced",
}
BUCKET = {"name": "primus-input-bucket", "projectNumber": "100", "iamConfiguration": PRIVATE}
ASKING = {
    "state": "ACTIVE",
    "attributeMapping": {"google.subject": "assertion.sub"},
    "attributeCondition": "false",
    "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
}
Answering = Callable[..., None]


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        pytest.param(OWNER.model_bucket, BUCKET, id="bucket"),
        pytest.param(OWNER.service_account, {"email": OWNER.service_account.email}, id="service account"),
        pytest.param(OWNER.pool, {"state": "ACTIVE"}, id="pool"),
        pytest.param(PROVIDER, ASKING, id="provider"),
        pytest.param(OWNER.repository, {"format": "DOCKER"}, id="repository"),
    ],
)
def test_what_is_as_described_is_read_and_left_alone(
    api: GoogleApi, answering: Answering, google: Any, resource: Resource, found: object
) -> None:
    answering(found)
    assert ensure(api, resource) is Change.UNCHANGED
    assert [request.method for request in google.sent] == ["GET"]


@pytest.mark.parametrize(
    ("resource", "asked", "body"),
    [
        pytest.param(
            OWNER.model_bucket,
            "https://storage.googleapis.com/storage/v1/b?project=primus",
            {
                "name": "primus-input-bucket",
                "location": "us-west1",
                "iamConfiguration": {
                    "uniformBucketLevelAccess": {"enabled": True},
                    "publicAccessPrevention": "enforced",
                },
            },
            id="bucket",
        ),
        pytest.param(
            OWNER.service_account,
            "https://iam.googleapis.com/v1/projects/primus/serviceAccounts",
            {"accountId": "primus-sa"},
            id="service account",
        ),
        pytest.param(
            OWNER.pool,
            "https://iam.googleapis.com/v1/projects/primus/locations/global/workloadIdentityPools"
            "?workloadIdentityPoolId=primus-wip",
            {},
            id="pool",
        ),
        pytest.param(
            PROVIDER,
            "https://iam.googleapis.com/v1/projects/primus/locations/global/workloadIdentityPools/primus-wip"
            "/providers?workloadIdentityPoolProviderId=primus-wip-provider",
            {key: value for key, value in ASKING.items() if key != "state"},
            id="provider",
        ),
        pytest.param(
            OWNER.repository,
            "https://artifactregistry.googleapis.com/v1/projects/primus/locations/us/repositories"
            "?repositoryId=primus-artifact-repo",
            {"format": "DOCKER"},
            id="repository",
        ),
    ],
)
def test_what_is_not_there_is_created(
    api: GoogleApi, answering: Answering, google: Any, resource: Resource, asked: str, body: object
) -> None:
    answering(MISSING, DONE)
    assert ensure(api, resource) is Change.CREATED
    assert google.asked[1] == f"POST {asked}"
    assert google.body(1) == body


@pytest.mark.parametrize(
    "drift",
    [
        {"attributeCondition": "true"},
        {"attributeMapping": {"google.subject": "'all'"}},
        {"oidc": {**ASKING["oidc"], "issuerUri": "https://evil.example"}},  # type: ignore[dict-item]
        {"oidc": {**ASKING["oidc"], "jwksJson": "{}"}},  # type: ignore[dict-item]
        {"oidc": {**ASKING["oidc"], "allowedAudiences": ["https://sts.googleapis.com"]}},  # type: ignore[dict-item]
    ],
    ids=["condition", "mapping", "issuer", "keys", "audiences"],
)
def test_a_provider_that_asks_otherwise_is_set_right(
    api: GoogleApi, answering: Answering, google: Any, drift: dict[str, object]
) -> None:
    answering({**ASKING, **drift}, DONE)
    assert ensure(api, PROVIDER) is Change.UPDATED
    assert google.asked[1].endswith(
        "/primus-wip-provider?updateMask=attributeMapping%2CattributeCondition%2Coidc"
    )
    assert google.body(1)["oidc"] == ASKING["oidc"]


def test_a_bucket_that_could_become_public_is_closed(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering({**BUCKET, "iamConfiguration": {**PRIVATE, "publicAccessPrevention": "inherited"}}, {})
    assert ensure(api, OWNER.model_bucket) is Change.UPDATED
    assert google.sent[1].method == "PATCH"


def test_a_bucket_of_another_project_is_not_used(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({**BUCKET, "projectNumber": "666"})
    with pytest.raises(Misconfigured, match="belongs to project number `666`"):
        ensure(api, OWNER.model_bucket)
    assert len(google.sent) == 1


def test_a_repository_of_something_else_is_not_used(api: GoogleApi, answering: Answering) -> None:
    answering({"format": "NPM"})
    with pytest.raises(Misconfigured, match="holds `NPM`"):
        ensure(api, OWNER.repository)


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        (OWNER.service_account, {"disabled": True}),
        (OWNER.pool, {"state": "ACTIVE", "disabled": True}),
        (PROVIDER, {**ASKING, "disabled": True}),
    ],
    ids=["service account", "pool", "provider"],
)
def test_what_somebody_switched_off_stays_off(
    api: GoogleApi, answering: Answering, google: Any, resource: Resource, found: object
) -> None:
    answering(found)
    with pytest.raises(Misconfigured, match="is disabled"):
        ensure(api, resource)
    assert len(google.sent) == 1


def test_a_deleted_provider_is_restored_and_set_right(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering({**ASKING, "state": "DELETED"}, DONE, {**ASKING, "attributeCondition": "true"}, DONE)
    assert ensure(api, PROVIDER) is Change.RESTORED
    assert [request.method for request in google.sent] == ["GET", "POST", "GET", "PATCH"]
    assert google.asked[1].endswith("/primus-wip-provider:undelete")


def test_what_appears_while_it_is_created_is_accepted(api: GoogleApi, answering: Answering) -> None:
    answering(MISSING, EXISTS, {"format": "DOCKER"})
    assert ensure(api, OWNER.repository) is Change.UNCHANGED


def test_what_exists_and_cannot_be_read_is_an_error(api: GoogleApi, answering: Answering) -> None:
    answering(MISSING, EXISTS, MISSING, EXISTS)
    with pytest.raises(AlreadyExists):
        ensure(api, OWNER.model_bucket)


def test_a_project_is_found_with_its_number(api: GoogleApi, answering: Answering) -> None:
    answering({"name": "projects/100", "projectId": "primus"})
    assert look_up_project(api, "primus") == PROJECT


def test_what_comes_after_a_refusal_is_not_tried(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering(BUCKET, (403, {"error": {"message": "No."}}))
    seen: list[tuple[Resource, Change]] = []
    with pytest.raises(Denied):
        ensure_all(
            api, OWNER.foundation(), on_change=lambda resource, change: seen.append((resource, change))
        )
    assert seen == [(OWNER.model_bucket, Change.UNCHANGED)]
    assert len(google.sent) == 2


def test_an_image_is_admitted_by_its_digest_and_not_with_the_whole_pool() -> None:
    (grant,) = OWNER.admissions(["sha256:" + "0" * 64])  # type: ignore[list-item]
    assert grant.member == (
        "principalSet://iam.googleapis.com/projects/100/locations/global/workloadIdentityPools/primus-wip"
        "/attribute.image_digest/sha256:" + "0" * 64
    )


def test_an_operator_s_account_reads_inputs_and_writes_results() -> None:
    operator = operator_of(Project(project_id="secundus", number="200"))
    grants = {(getattr(r, "on", None), getattr(r, "role", None)) for r in operator.foundation()}
    assert {
        (operator.input_bucket, "roles/storage.objectViewer"),
        (operator.result_bucket, "roles/storage.objectUser"),
    } <= grants
    assert (operator.input_bucket, "roles/storage.objectUser") not in grants
