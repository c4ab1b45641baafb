"""Rights: tested by Google, read from a policy, or said to be unknown; and the line that grants one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploy.google_api import GoogleApi
from deploy.resources import Bucket, DockerRepository, Grant, Guarded, Project, ServiceAccount
from deploy.rights import grant_line, held, speak_for, standing

PROJECT = Project(project_id="secundus", number="2")
BUCKET = Bucket(project=PROJECT, name="photos", location="")
ACCOUNT = ServiceAccount(project=PROJECT, account_id="workload-sa")
REPOSITORY = DockerRepository(project=PROJECT, location="us", repository_id="repo")
ROLES = ("roles/storage.objectViewer", "roles/storage.admin")
VIEWER = ROLES[0]


def bound(role: str, *members: str, **more: object) -> Any:
    return {"bindings": [{"role": role, "members": list(members), **more}]}


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ({}, "no"),
        (bound(VIEWER, ACCOUNT.member), "yes"),
        (bound("roles/storage.admin", "allUsers"), "yes"),
        (bound(VIEWER, "allAuthenticatedUsers"), "yes"),
        (bound("roles/storage.objectCreator", ACCOUNT.member), "no"),
        (bound(VIEWER, "serviceAccount:other@x"), "no"),
        (bound(VIEWER, "group:everyone@x"), "unknown"),
        (bound(VIEWER, ACCOUNT.member, condition={"expression": "true"}), "unknown"),
        (bound("projects/secundus/roles/mine", ACCOUNT.member), "unknown"),
        (bound("projects/secundus/roles/mine", "serviceAccount:other@x"), "no"),
    ],
    ids=[
        "nothing is granted",
        "the role is granted",
        "a wider role is everybody's",
        "whoever is signed in has it",
        "another role is granted",
        "somebody else has the role",
        "a group has it",
        "it has a condition",
        "a role of somebody's own",
        "a role of somebody's own, for somebody else",
    ],
)
def test_a_policy_says_yes_or_no_or_leaves_it_open(policy: Any, found: str) -> None:
    assert standing(policy, ACCOUNT.member, ROLES) == found


@pytest.mark.parametrize(
    ("on", "asked"),
    [
        (
            BUCKET,
            "GET https://storage.googleapis.com/storage/v1/b/photos/iam/testPermissions?permissions=a&permissions=b",
        ),
        (PROJECT, "POST https://cloudresourcemanager.googleapis.com/v3/projects/secundus:testIamPermissions"),
        (
            ACCOUNT,
            f"POST https://iam.googleapis.com/v1/projects/secundus/serviceAccounts/{ACCOUNT.email}:testIamPermissions",
        ),
        (
            REPOSITORY,
            "POST https://artifactregistry.googleapis.com/v1/projects/secundus/locations/us/repositories/repo"
            ":testIamPermissions",
        ),
    ],
    ids=["a bucket", "a project", "an account", "a repository"],
)
def test_google_is_asked_which_permissions_are_held(
    api: GoogleApi, answering: Callable[..., None], google: Any, on: Guarded, asked: str
) -> None:
    answering({"permissions": ["a"]}, {})
    assert held(api, on, {"a", "b"}) == {"a"}
    assert held(api, on, {"a", "b"}) == frozenset()
    assert google.asked[0] == asked
    if not isinstance(on, Bucket):
        assert google.body(0) == {"permissions": ["a", "b"]}


@pytest.mark.parametrize(
    "member",
    ["group:x@y", "domain:x", "principal://x", "principalSet://x", "projectOwner:x", "projectEditor:x"],
)
def test_whoever_may_stand_for_several_may_stand_for_the_account(member: str) -> None:
    assert standing(bound(VIEWER, member), ACCOUNT.member, ROLES) == "unknown"


@pytest.mark.parametrize("role", ["projects/p/roles/r", "organizations/1/roles/r"])
def test_a_role_of_somebody_s_own_may_suffice(role: str) -> None:
    assert standing(bound(role, ACCOUNT.member), ACCOUNT.member, ROLES) == "unknown"


def test_whoever_may_not_speak_for_the_account_does_not(
    api: GoogleApi, answering: Callable[..., None]
) -> None:
    answering((403, {"error": {"message": "denied"}}))
    assert speak_for(api, ACCOUNT, "scope") is None


def test_whoever_may_speak_for_the_account_asks_with_its_token(
    api: GoogleApi, answering: Callable[..., None], google: Any
) -> None:
    answering({"accessToken": "its-token", "expireTime": "2026-01-01T00:00:00Z"}, {"permissions": []})
    as_account = speak_for(api, ACCOUNT, "scope")
    assert as_account is not None
    as_account.session.mount("https://", google)
    held(as_account, BUCKET, {"a"})
    credentials = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
    assert google.asked[0] == f"POST {credentials}/{ACCOUNT.email}:generateAccessToken"
    assert google.body(0) == {"scope": ["scope"], "lifetime": "300s"}
    assert google.sent[1].headers["authorization"] == "Bearer its-token"


@pytest.mark.parametrize(
    ("on", "line"),
    [
        (PROJECT, "gcloud projects add-iam-policy-binding secundus"),
        (BUCKET, "gcloud storage buckets add-iam-policy-binding gs://photos"),
        (ACCOUNT, f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT.email} --project=secundus"),
        (
            REPOSITORY,
            "gcloud artifacts repositories add-iam-policy-binding repo --project=secundus --location=us",
        ),
    ],
    ids=["a project", "a bucket", "an account", "a repository"],
)
def test_a_grant_is_a_line_of_gclouds(on: Guarded, line: str) -> None:
    assert grant_line(Grant(on=on, role="r", member="m")) == f"{line} --member=m --role=r"
