"""Service accounts and their policies by REST, and who may have their tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

_IAM = "https://iam.googleapis.com/v1/projects/primus/serviceAccounts"
_CREDENTIALS = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
_EMAIL = "primus-sa@primus.iam.gserviceaccount.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_DENIED = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."


@pytest.fixture
def account(platform: Any) -> Any:
    body = {"accountId": "primus-sa", "serviceAccount": {"displayName": "the model's"}}
    return platform.call("POST", _IAM, body).json


def _grant(platform: Any, role: str, member: str) -> Any:
    policy = {"bindings": [{"role": role, "members": [member]}]}
    return platform.call("POST", f"{_IAM}/{_EMAIL}:setIamPolicy", {"policy": policy})


def _generate(platform: Any, by: str, **body: Any) -> Any:
    request = {"scope": [_SCOPE], **body}
    url = f"{_CREDENTIALS}/{_EMAIL.replace('@', '%40')}:generateAccessToken"
    return platform.call("POST", url, request, by=by)


def test_an_account_is_made_found_listed_and_deleted(platform: Any, account: Any) -> None:
    assert (account["email"], account["displayName"]) == (_EMAIL, "the model's")
    assert account["name"] == f"projects/primus/serviceAccounts/{_EMAIL}"
    for name in (_EMAIL, account["uniqueId"]):
        assert platform.call("GET", f"{_IAM}/{name}").json == account
    anywhere = _IAM.replace("projects/primus", "projects/-")
    assert platform.call("GET", f"{anywhere}/{_EMAIL}").json == account
    assert platform.call("GET", _IAM).json == {"accounts": [account]}
    assert platform.call("DELETE", f"{_IAM}/{_EMAIL}").status == 200
    assert platform.call("GET", f"{_IAM}/{_EMAIL}").status == 404


def test_an_account_is_not_made_twice(platform: Any, account: Any) -> None:
    again = platform.call("POST", _IAM, {"accountId": "primus-sa"})
    assert (again.status, again.json["error"]["message"]) == (
        409,
        "Service account primus-sa already exists within project projects/primus.",
    )


@pytest.mark.parametrize("account_id", ["short", "a" * 31, "Upper-case", "ends-with-", "1-digit", None])
def test_an_id_that_google_does_not_take_is_refused(platform: Any, account_id: object) -> None:
    assert platform.call("POST", _IAM, {"accountId": account_id}).status == 400


def test_an_account_of_another_project_is_not_found_in_this_one(platform: Any, account: Any) -> None:
    elsewhere = _IAM.replace("projects/primus", "projects/secundus")
    assert platform.call("GET", f"{elsewhere}/{_EMAIL}").status == 403


def test_a_policy_is_read_changed_and_protected_against_lost_changes(platform: Any, account: Any) -> None:
    before = platform.call("POST", f"{_IAM}/{_EMAIL}:getIamPolicy", {}).json
    after = _grant(platform, "roles/iam.workloadIdentityUser", "user:x@example.com").json
    assert after["bindings"] == [
        {"role": "roles/iam.workloadIdentityUser", "members": ["user:x@example.com"]}
    ]
    late = platform.call("POST", f"{_IAM}/{_EMAIL}:setIamPolicy", {"policy": before})
    assert (late.status, late.json["error"]["status"]) == (409, "ABORTED")


def test_permissions_can_be_asked_for(platform: Any, account: Any) -> None:
    asked = {"permissions": ["iam.serviceAccounts.actAs", "iam.serviceAccounts.getAccessToken"]}
    url = f"{_IAM}/{_EMAIL}:testIamPermissions"
    assert platform.call("POST", url, asked).json == {"permissions": ["iam.serviceAccounts.actAs"]}
    assert platform.call("POST", url, asked, by="operator").json == {}


def test_whoever_may_impersonate_gets_a_token_that_speaks_for_the_account(
    platform: Any, account: Any
) -> None:
    _grant(platform, "roles/iam.serviceAccountTokenCreator", "user:operator@secundus.example")
    answer = _generate(platform, "operator", lifetime="600s")
    assert answer.json["expireTime"] == "2027-01-15T08:10:00Z"
    token = answer.json["accessToken"]
    permission = {"permissions": ["iam.serviceAccounts.get"]}
    asked = platform.call("POST", f"{_IAM}/{_EMAIL}:testIamPermissions", permission, by=token)
    assert asked.status == 200
    platform.clock.now += 600
    expired = platform.call("POST", f"{_IAM}/{_EMAIL}:testIamPermissions", permission, by=token)
    assert expired.status == 401


def test_whoever_may_not_impersonate_is_told_in_googles_words(platform: Any, account: Any) -> None:
    for by in ("operator", "owner"):  # a project's owner, too, has no tokens of its accounts
        answer = _generate(platform, by)
        assert (answer.status, answer.json["error"]["status"]) == (403, "PERMISSION_DENIED")
        assert answer.json["error"]["message"] == _DENIED


def test_an_absent_account_is_denied_like_a_forbidden_one(platform: Any) -> None:
    assert _generate(platform, "owner").json["error"]["message"] == _DENIED


@pytest.mark.parametrize(
    "body",
    [{"scope": []}, {"scope": None}, {"lifetime": "3601s"}, {"lifetime": "0s"}, {"lifetime": 3600}],
)
def test_a_request_without_scope_or_beyond_an_hour_is_refused(
    platform: Any, account: Any, body: dict[str, Any]
) -> None:
    _grant(platform, "roles/iam.workloadIdentityUser", "user:operator@secundus.example")
    assert _generate(platform, "operator", **body).status == 400


def test_a_chain_of_delegates_holds_at_every_link(platform: Any, account: Any) -> None:
    platform.call("POST", _IAM, {"accountId": "middle-sa"})
    middle = "middle-sa@primus.iam.gserviceaccount.com"
    _grant(platform, "roles/iam.serviceAccountTokenCreator", f"serviceAccount:{middle}")
    delegates = [f"projects/-/serviceAccounts/{middle}"]
    assert _generate(platform, "operator", delegates=delegates).status == 403
    policy = {
        "bindings": [
            {
                "role": "roles/iam.serviceAccountTokenCreator",
                "members": ["user:operator@secundus.example"],
            }
        ]
    }
    platform.call("POST", f"{_IAM}/{middle}:setIamPolicy", {"policy": policy})
    assert _generate(platform, "operator", delegates=delegates).status == 200
    assert _generate(platform, "operator").status == 403


def test_trust_boundaries_are_answered(platform: Any) -> None:
    answer = platform.call("GET", f"{_CREDENTIALS}/{_EMAIL}/allowedLocations")
    assert answer.json == {"locations": [], "encodedLocations": "0x0"}


@pytest.mark.parametrize("lifetime", ["1s", "3600s"])
def test_a_lifetime_of_a_second_and_of_an_hour_is_within_the_limits(
    platform: Any, account: Any, lifetime: str
) -> None:
    _grant(platform, "roles/iam.workloadIdentityUser", "user:operator@secundus.example")
    answer = _generate(platform, "operator", lifetime=lifetime)
    expires = datetime.fromisoformat(answer.json["expireTime"]).timestamp()
    assert expires - platform.clock.now == int(lifetime.removesuffix("s"))
