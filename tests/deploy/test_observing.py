"""Looking: each thing once, nothing changed, and no policy of what is not there or not ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import Denied
from deploy.google_api import GoogleApi
from deploy.observing import look_up_project, observe
from deploy.resources import Grant
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


def test_a_project_is_found_with_its_number(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({"name": "projects/100", "projectId": "primus"})
    assert look_up_project(api, "primus") == PROJECT
    assert google.asked == ["GET https://cloudresourcemanager.googleapis.com/v3/projects/primus"]
