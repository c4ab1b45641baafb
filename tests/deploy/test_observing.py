"""Looking: each thing once, nothing changed, and no policy of what is not there or not ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import Denied
from deploy.failures import NameTaken, PermissionDenied
from deploy.google_api import GoogleApi
from deploy.observing import look_up_project, observe
from deploy.resources import EnabledApi, Grant
from deploy.rest import policy_url_of, url_of
from tests.deploy.resources_there import BUCKET, OWNER, PROJECT

READER = Grant(on=OWNER.model_bucket, role="roles/storage.objectViewer", member="user:a")
WRITER = Grant(on=OWNER.model_bucket, role="roles/storage.objectUser", member="user:a")
MISSING = (404, {"error": {"code": 404, "message": "Not found."}})
Answering = Callable[..., None]


def test_a_bucket_and_its_policy_are_each_read_once(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    policy = {"etag": "e", "bindings": []}
    answering(BUCKET, policy)
    observed = observe(api, [OWNER.model_bucket, READER, OWNER.model_bucket, WRITER])
    assert observed == {url_of(OWNER.model_bucket): BUCKET, policy_url_of(OWNER.model_bucket): policy}
    assert [request.method for request in google.sent] == ["GET", "GET"]


def test_what_is_not_there_has_no_policy_to_read(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering(MISSING)
    observed = observe(api, [OWNER.model_bucket, READER])
    assert observed == {url_of(OWNER.model_bucket): None, policy_url_of(OWNER.model_bucket): None}
    assert len(google.sent) == 1


def test_the_policy_of_somebody_else_s_bucket_is_not_asked_for(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering({**BUCKET, "projectNumber": "666"})
    observed = observe(api, [OWNER.model_bucket, READER])
    assert observed[policy_url_of(OWNER.model_bucket)] is None
    assert len(google.sent) == 1


def test_a_grant_alone_is_looked_up_without_its_resource(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering({"etag": "e"})
    assert observe(api, [READER]) == {policy_url_of(OWNER.model_bucket): {"etag": "e"}}
    answering(MISSING)
    assert observe(api, [READER]) == {policy_url_of(OWNER.model_bucket): None}


def test_what_may_not_be_seen_is_an_error_and_not_missing(api: GoogleApi, answering: Answering) -> None:
    answering((403, {"error": {"message": "No."}}))
    with pytest.raises(Denied):
        observe(api, [OWNER.pool])


def test_the_states_of_apis_are_read_at_once_and_what_an_api_has_only_where_it_is_enabled(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    iam, storage = (EnabledApi(project=PROJECT, name=f"{name}.googleapis.com") for name in ("iam", "storage"))
    states = [{"name": f"projects/100/services/{iam.name}", "state": "ENABLED"}]
    answering({"services": states}, {"state": "ACTIVE"})
    observed = observe(api, [iam, storage, OWNER.pool, OWNER.model_bucket, READER])
    assert observed == {
        url_of(iam): states[0],
        url_of(storage): None,
        url_of(OWNER.pool): {"state": "ACTIVE"},
        url_of(OWNER.model_bucket): None,
        policy_url_of(OWNER.model_bucket): None,
    }
    assert len(google.sent) == 2


@pytest.mark.parametrize(("held", "error"), [(["storage.buckets.get"], NameTaken), ([], PermissionDenied)])
def test_a_bucket_that_may_not_be_seen_is_another_s_or_the_caller_lacks_a_permission(
    api: GoogleApi, answering: Answering, held: list[str], error: type[Exception]
) -> None:
    answering((403, {"error": {"message": "No."}}), {"permissions": held})
    with pytest.raises(error):
        observe(api, [OWNER.model_bucket])


def test_a_project_is_found_with_its_number(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({"name": "projects/100", "projectId": "primus"})
    assert look_up_project(api, "primus") == PROJECT
    assert google.asked == ["GET https://cloudresourcemanager.googleapis.com/v3/projects/primus"]
