"""The two parties' projects, and who may do what in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.auth.transport.requests import AuthorizedSession

PROJECT = "https://cloudresourcemanager.googleapis.com/{}/projects/{}"


def test_a_token_speaks_for_its_user(session_of: Callable[[str], AuthorizedSession]) -> None:
    session = session_of("operator")
    assert session.get(PROJECT.format("v1", "secundus")).json() == {
        "projectNumber": "200000000002",
        "projectId": "secundus",
        "lifecycleState": "ACTIVE",
        "name": "secundus",
    }
    by_number = session.get(PROJECT.format("v3", "200000000002")).json()
    assert (by_number["projectId"], by_number["name"]) == ("secundus", "projects/200000000002")


@pytest.mark.parametrize("project", ["primus", "no-such-project"])
@pytest.mark.parametrize("verb", ["", ":getIamPolicy", ":setIamPolicy"])
def test_a_strangers_project_looks_like_one_that_is_not_there(
    session_of: Callable[[str], AuthorizedSession], project: str, verb: str
) -> None:
    session = session_of("operator")
    call = session.post if verb else session.get
    answer = call(PROJECT.format("v1", project) + verb)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["status"] == "PERMISSION_DENIED"
    assert error["message"].endswith("denied on resource (or it may not exist).")


def grants(*members: str) -> list[dict[str, object]]:
    return [{"role": "roles/owner", "members": list(members)}]


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_a_policy_is_read_modified_and_written(
    session_of: Callable[[str], AuthorizedSession], version: str
) -> None:
    owner, operator, name = session_of("owner"), session_of("operator"), PROJECT.format(version, "primus")
    before = owner.post(name + ":getIamPolicy").json()
    shared = {**before, "bindings": grants("user:owner@primus.example", "user:operator@secundus.example")}
    after = owner.post(name + ":setIamPolicy", json={"policy": shared}).json()
    assert operator.get(name).status_code == 200
    stale = owner.post(name + ":setIamPolicy", json={"policy": before})
    assert (stale.status_code, stale.json()["error"]["status"]) == (409, "ABORTED")
    restored = {**after, "bindings": before["bindings"]}
    assert owner.post(name + ":setIamPolicy", json={"policy": restored}).status_code == 200
    assert operator.get(name).status_code == 403


@pytest.mark.parametrize(
    "policy",
    [
        {"bindings": [{"role": "roles/none", "members": ["user:a@b.example"]}]},
        {"bindings": [{"role": "roles/owner", "members": "user:a@b.example"}]},
    ],
)
def test_a_malformed_policy_is_refused(
    session_of: Callable[[str], AuthorizedSession], policy: dict[str, object]
) -> None:
    name = PROJECT.format("v1", "primus")
    answer = session_of("owner").post(name + ":setIamPolicy", json={"policy": policy})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_a_binding_with_a_condition_is_refused_and_not_granted_without_it(
    session_of: Callable[[str], AuthorizedSession],
) -> None:
    owner, name = session_of("owner"), PROJECT.format("v1", "primus")
    before = owner.post(name + ":getIamPolicy").json()
    grant = {**grants("user:operator@secundus.example")[0], "condition": {"expression": "false"}}
    policy = {"bindings": [*before["bindings"], grant]}
    answer = owner.post(name + ":setIamPolicy", json={"policy": policy})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "UNIMPLEMENTED")
    assert owner.post(name + ":getIamPolicy").json() == before


def test_permissions_are_tested(session_of: Callable[[str], AuthorizedSession]) -> None:
    asked = {"permissions": ["resourcemanager.projects.get", "no.such.permission"]}
    url = PROJECT.format("v1", "primus") + ":testIamPermissions"
    assert session_of("owner").post(url, json=asked).json() == {
        "permissions": ["resourcemanager.projects.get"]
    }
    assert session_of("operator").post(url, json=asked).json() == {}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("v1/projects", ["secundus"]),
        ("v1/projects?filter=lifecycleState:ACTIVE", ["secundus"]),
        ("v1/projects?filter=id:sec*%20AND%20name=secundus", ["secundus"]),
        ("v1/projects?filter=projectId:primus", []),
        ("v1/projects?filter=lifecycleState:DELETE_REQUESTED", []),
        ("v3/projects:search", ["secundus"]),
        ("v3/projects:search?query=projectNumber:200000000002", ["secundus"]),
    ],
)
def test_whoever_asks_finds_the_projects_that_they_may_see(
    session_of: Callable[[str], AuthorizedSession], url: str, found: list[str]
) -> None:
    answer = session_of("operator").get(f"https://cloudresourcemanager.googleapis.com/{url}").json()
    assert [each["projectId"] for each in answer.get("projects", [])] == found


@pytest.mark.parametrize("query", ["labels.a:b", "parent:folders/1", "name>x"])
def test_a_filter_that_is_not_understood_is_told(
    session_of: Callable[[str], AuthorizedSession], query: str
) -> None:
    url = "https://cloudresourcemanager.googleapis.com/v1/projects"
    answer = session_of("operator").get(url, params={"filter": query})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "UNIMPLEMENTED")
