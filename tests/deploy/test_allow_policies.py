"""Read-modify-write of an allow policy: one grant more, nothing less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import Misconfigured
from deploy.allow_policies import give, take
from deploy.google_api import ConcurrentChange, GoogleApi
from deploy.resources import Bucket, DockerRepository, Grant, Guarded, Project, ServiceAccount

PROJECT = Project(project_id="primus", number="1")
BUCKET = Bucket(project=PROJECT, name="b", location="us-west1")
GRANT = Grant(on=BUCKET, role="roles/storage.objectViewer", member="user:a")
CONFLICT = (409, {"error": {"message": "There were concurrent policy changes."}})
Answering = Callable[..., None]


def binding(*members: str, role: str = GRANT.role, **more: object) -> dict[str, object]:
    return {"role": role, "members": list(members), **more}


def test_a_grant_that_is_there_is_not_written(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({"etag": "e", "bindings": [binding("user:a", "user:b")]})
    assert not give(api, GRANT)
    assert len(google.sent) == 1


def test_a_grant_is_added_to_its_role_and_everything_else_stays(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    others = binding("user:c", role="roles/storage.admin")
    answering({"etag": "e", "version": 3, "bindings": [binding("user:b"), others]}, {})
    assert give(api, GRANT)
    assert google.body(1) == {"etag": "e", "version": 3, "bindings": [binding("user:b", "user:a"), others]}


def test_a_binding_under_a_condition_neither_counts_nor_changes(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    conditional = binding("user:a", condition={"expression": "false"})
    answering({"etag": "e", "version": 3, "bindings": [conditional]}, {})
    assert give(api, GRANT)
    assert google.body(1)["bindings"] == [conditional, binding("user:a")]


def test_a_policy_that_changed_in_between_is_read_again(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering({"etag": "1"}, CONFLICT, {"etag": "2", "bindings": [binding("user:b")]}, {})
    assert give(api, GRANT)
    assert google.body(3) == {"etag": "2", "bindings": [binding("user:b", "user:a")]}


def test_a_policy_that_never_stays_still_is_given_up(api: GoogleApi, answering: Answering) -> None:
    answering(*[{"etag": "1"}, CONFLICT] * 5)
    with pytest.raises(ConcurrentChange):
        give(api, GRANT)


def test_an_account_so_new_that_nobody_knows_it_is_tried_again(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    unknown = (400, {"error": {"message": "Service account a@b does not exist."}})
    answering({"etag": "1"}, unknown, {"etag": "1"}, {})
    assert give(api, GRANT)
    assert google.slept == [3.0]


def test_a_grant_that_google_does_not_accept_is_not_tried_again(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering({"etag": "1"}, (400, {"error": {"message": "Role roles/x is not supported."}}))
    with pytest.raises(Misconfigured, match="roles/x"):
        give(api, GRANT)
    assert google.slept == []


def test_a_grant_is_taken_from_its_role_and_everything_else_stays(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    conditional = binding("user:a", condition={"expression": "false"})
    others = binding("user:a", role="roles/storage.admin")
    answering({"etag": "e", "bindings": [binding("user:a", "user:b"), conditional, others]}, {})
    assert take(api, GRANT)
    assert google.body(1) == {"etag": "e", "bindings": [binding("user:b"), conditional, others]}
    answering({"etag": "e", "bindings": [binding("user:a")]}, {})
    assert take(api, GRANT)
    assert google.body(3) == {"etag": "e", "bindings": []}


def test_a_grant_that_is_not_there_is_not_taken(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({"etag": "e", "bindings": [binding("user:b")]})
    assert not take(api, GRANT)
    answering((404, {"error": {"message": "Not found."}}))
    assert not take(api, GRANT)
    assert {request.method for request in google.sent} == {"GET"}


def test_between_two_tries_some_time_passes_and_more_each_time(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering(*[{"etag": "1"}, CONFLICT] * 3, {"etag": "2"}, {})
    assert give(api, GRANT)
    assert google.slept == [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    ("on", "asked"),
    [
        (
            BUCKET,
            "GET https://storage.googleapis.com/storage/v1/b/b/iam?optionsRequestedPolicyVersion=3",
        ),
        (
            ServiceAccount(project=PROJECT, account_id="sa"),
            "POST https://iam.googleapis.com/v1/projects/primus/serviceAccounts/"
            "sa@primus.iam.gserviceaccount.com:getIamPolicy?options.requestedPolicyVersion=3",
        ),
        (
            DockerRepository(project=PROJECT, location="us", repository_id="r"),
            "GET https://artifactregistry.googleapis.com/v1/projects/primus/locations/us/repositories/r"
            ":getIamPolicy?options.requestedPolicyVersion=3",
        ),
        (PROJECT, "POST https://cloudresourcemanager.googleapis.com/v3/projects/primus:getIamPolicy"),
    ],
)
def test_each_service_is_asked_for_conditions_too(
    api: GoogleApi, answering: Answering, google: Any, on: Guarded, asked: str
) -> None:
    answering({"bindings": [binding("user:a")]})
    give(api, Grant(on=on, role=GRANT.role, member=GRANT.member))
    assert google.asked == [asked]
    if on is PROJECT:
        assert google.body(0) == {"options": {"requestedPolicyVersion": 3}}
