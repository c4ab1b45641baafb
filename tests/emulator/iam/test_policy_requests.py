"""Every service with allow policies reads the same two requests, and answers nonsense with 400."""

from __future__ import annotations

from typing import Any

import pytest

_ACCOUNT = "primus-sa@primus.iam.gserviceaccount.com"
_REPOSITORIES = "https://artifactregistry.googleapis.com/v1/projects/primus/locations/us/repositories"
_RING = "https://cloudkms.googleapis.com/v1/projects/primus/locations/global/keyRings/ring"
RESOURCES = {
    "a project": "https://cloudresourcemanager.googleapis.com/v3/projects/primus",
    "a service account": f"https://iam.googleapis.com/v1/projects/primus/serviceAccounts/{_ACCOUNT}",
    "a repository": f"{_REPOSITORIES}/repo",
    "a key ring": _RING,
    "a key": f"{_RING}/cryptoKeys/key",
}


@pytest.fixture
def made(platform: Any) -> Any:
    """A project with an account, a repository and a key."""
    accounts = "https://iam.googleapis.com/v1/projects/primus/serviceAccounts"
    assert platform.call("POST", accounts, {"accountId": "primus-sa"}).status == 200
    repository = f"{_REPOSITORIES}?repositoryId=repo"
    assert platform.call("POST", repository, {"format": "DOCKER"}).status == 200
    assert platform.call("POST", _RING.replace("/ring", "?keyRingId=ring"), {}).status == 200
    key = f"{_RING}/cryptoKeys?cryptoKeyId=key"
    assert platform.call("POST", key, {"purpose": "ENCRYPT_DECRYPT"}).status == 200
    return platform


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param("owner", id="a policy that is a text"),
        pytest.param([{}], id="a policy that is a list"),
        pytest.param({"bindings": {"role": "roles/owner"}}, id="bindings that are an object"),
        pytest.param({"bindings": 7}, id="bindings that are a number"),
        pytest.param({"bindings": ["roles/owner"]}, id="a binding that is a text"),
    ],
)
def test_a_policy_that_is_none_is_refused_and_changes_nothing(
    made: Any, resource: str, policy: object
) -> None:
    answer = made.call("POST", f"{resource}:setIamPolicy", {"policy": policy})
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    asked = made.call("POST", f"{resource}:testIamPermissions", {"permissions": ["compute.instances.get"]})
    assert asked.json == {"permissions": ["compute.instances.get"]}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
@pytest.mark.parametrize(
    ("body", "answered"),
    [
        pytest.param(
            {"permissions": ["compute.instances.get", "no.such.permission"]},
            {"permissions": ["compute.instances.get"]},
            id="one that is held, and one that is not",
        ),
        pytest.param({"permissions": ["no.such.permission"]}, {}, id="none that is held"),
        pytest.param({"permissions": []}, {}, id="none"),
        pytest.param({}, {}, id="nothing"),
    ],
)
def test_only_what_is_held_is_answered(made: Any, resource: str, body: object, answered: object) -> None:
    answer = made.call("POST", f"{resource}:testIamPermissions", body)
    assert (answer.status, answer.json) == (200, answered)


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
@pytest.mark.parametrize("permissions", ["all", {"a": 1}, [7]], ids=["a text", "an object", "a number"])
def test_permissions_that_are_no_list_of_texts_are_refused(
    made: Any, resource: str, permissions: object
) -> None:
    answer = made.call("POST", f"{resource}:testIamPermissions", {"permissions": permissions})
    assert answer.status == 400


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_mask_that_leaves_the_bindings_as_they_are_is_refused(made: Any, resource: str) -> None:
    body = {"policy": {"bindings": []}, "updateMask": "etag"}
    answer = made.call("POST", f"{resource}:setIamPolicy", body)
    assert (answer.status, answer.json["error"]["status"]) == (400, "UNIMPLEMENTED")
    asked = made.call("POST", f"{resource}:testIamPermissions", {"permissions": ["compute.instances.get"]})
    assert asked.json == {"permissions": ["compute.instances.get"]}
