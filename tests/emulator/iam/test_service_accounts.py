"""Service accounts and their policies by REST, and who may have their tokens."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

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
    assert account in platform.call("GET", _IAM).json["accounts"]
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


def test_a_project_has_its_default_account_and_lists_come_in_pages(platform: Any, account: Any) -> None:
    first = platform.call("GET", f"{_IAM}?pageSize=1").json
    second = platform.call("GET", f"{_IAM}?pageSize=1&pageToken={first['nextPageToken']}").json
    default = "100000000001-compute@developer.gserviceaccount.com"
    assert [each["email"] for page in (first, second) for each in page["accounts"]] == [default, _EMAIL]
    assert "nextPageToken" not in second


def test_an_account_is_described_anew_as_the_mask_says(platform: Any, account: Any) -> None:
    body = {"serviceAccount": {"displayName": "x", "description": "y"}, "updateMask": "description"}
    changed = platform.call("PATCH", f"{_IAM}/{_EMAIL}", body).json
    assert (changed["displayName"], changed["description"]) == ("the model's", "y")
    assert changed["etag"] != account["etag"]
    for bad in ({**body, "updateMask": "email"}, {**body, "updateMask": ""}, {"updateMask": "description"}):
        assert platform.call("PATCH", f"{_IAM}/{_EMAIL}", bad).status == 400
    assert platform.call("PATCH", f"{_IAM}/{_EMAIL}", body, by="operator").status == 403


def test_a_disabled_account_gives_no_tokens_until_it_is_enabled(platform: Any, account: Any) -> None:
    _grant(platform, "roles/iam.serviceAccountTokenCreator", "user:operator@secundus.example")
    assert platform.call("POST", f"{_IAM}/{_EMAIL}:disable", {}).status == 200
    assert platform.call("GET", f"{_IAM}/{_EMAIL}").json["disabled"] is True
    assert _generate(platform, "operator").json["error"]["status"] == "FAILED_PRECONDITION"
    assert platform.call("POST", f"{_IAM}/{_EMAIL}:enable", {}).status == 200
    assert "disabled" not in platform.call("GET", f"{_IAM}/{_EMAIL}").json
    assert _generate(platform, "operator").status == 200


@pytest.mark.parametrize("way", ["disabled", "deleted"])
def test_the_tokens_of_an_account_that_may_not_be_used_are_refused_until_it_may(
    platform: Any, account: Any, way: str
) -> None:
    token = platform.token_of(f"serviceAccount:{_EMAIL}")
    assert platform.call("GET", f"{_IAM}/{_EMAIL}", by=token).status == 403
    if way == "disabled":
        platform.call("POST", f"{_IAM}/{_EMAIL}:disable", {})
    else:
        platform.call("DELETE", f"{_IAM}/{_EMAIL}")
    refused = platform.call("GET", f"{_IAM}/{_EMAIL}", by=token)
    [detail] = refused.json["error"]["details"]
    assert (refused.status, detail["reason"]) == (401, "ACCOUNT_STATE_INVALID")
    back = f"{_EMAIL}:enable" if way == "disabled" else f"{account['uniqueId']}:undelete"
    platform.call("POST", f"{_IAM}/{back}", {})
    assert platform.call("GET", f"{_IAM}/{_EMAIL}", by=token).status == 403


def test_a_deleted_account_comes_back_within_thirty_days(platform: Any, account: Any) -> None:
    _grant(platform, "roles/iam.serviceAccountUser", "user:x@example.com")
    undelete = f"{_IAM}/{account['uniqueId']}:undelete"
    assert platform.call("POST", undelete, {}).status == 403
    platform.call("DELETE", f"{_IAM}/{_EMAIL}")
    assert platform.call("POST", undelete, {}, by="operator").status == 403
    assert platform.call("POST", undelete, {}).json["restoredAccount"]["email"] == _EMAIL
    policy = platform.call("POST", f"{_IAM}/{_EMAIL}:getIamPolicy", {}).json
    assert policy["bindings"][0]["members"] == ["user:x@example.com"]
    platform.call("DELETE", f"{_IAM}/{_EMAIL}")
    platform.clock.now += 30 * 86400
    assert platform.call("POST", undelete, {}).status == 403


def test_a_deleted_account_does_not_take_its_address_from_another(platform: Any, account: Any) -> None:
    platform.call("DELETE", f"{_IAM}/{_EMAIL}")
    assert platform.call("POST", _IAM, {"accountId": "primus-sa"}).status == 200
    assert platform.call("POST", f"{_IAM}/{account['uniqueId']}:undelete", {}).status == 409


@pytest.fixture
def signer(platform: Any, account: Any) -> Callable[..., Any]:
    """Asks for what the account signs, as the operator, who may."""
    _grant(platform, "roles/iam.serviceAccountTokenCreator", "user:operator@secundus.example")

    def ask(method: str, by: str = "operator", **body: Any) -> Any:
        return platform.call("POST", f"{_CREDENTIALS}/{_EMAIL}:{method}", body, by=by)

    return ask


def _published(platform: Any, path: str) -> Any:
    keys = platform.call("GET", f"https://www.googleapis.com{path}").json["keys"]
    return jwt.PyJWK(keys[0])


def test_an_id_token_verifies_with_the_published_key(platform: Any, account: Any, signer: Any) -> None:
    token = signer("generateIdToken", audience="https://x.example", includeEmail=True).json["token"]
    key = _published(platform, "/oauth2/v3/certs")
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(token, key, ["RS256"], audience="https://x.example", options=options)
    assert (claims["sub"], claims["email"]) == (account["uniqueId"], _EMAIL)
    assert claims["exp"] - claims["iat"] == 3600
    assert signer("generateIdToken").status == 400
    assert signer("generateIdToken", by="owner", audience="https://x.example").status == 403


def test_bytes_and_claims_are_signed_with_the_accounts_own_key(platform: Any, signer: Any) -> None:
    key = _published(platform, f"/service_accounts/v1/metadata/jwk/{_EMAIL}")
    answer = signer("signBlob", payload=base64.b64encode(b"abc").decode()).json
    signature = base64.b64decode(answer["signedBlob"])
    key.key.verify(signature, b"abc", padding.PKCS1v15(), hashes.SHA256())
    assert answer["keyId"] == key.key_id
    signed = signer("signJwt", payload='{"sub": "x"}').json["signedJwt"]
    assert jwt.decode(signed, key, ["RS256"]) == {"sub": "x"}
    assert key.key_id != _published(platform, "/oauth2/v3/certs").key_id


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("signBlob", {}),
        ("signBlob", {"payload": "é"}),
        ("signJwt", {"payload": "[]"}),
        ("signJwt", {"payload": "{"}),
        ("signJwt", {"payload": '{"exp": 1}'}),
        ("signJwt", {"payload": '{"exp": 1800043201}'}),
    ],
)
def test_what_cannot_be_signed_is_refused(signer: Any, method: str, body: dict[str, Any]) -> None:
    assert signer(method, **body).status == 400


def test_the_keys_of_an_account_that_is_not_there_are_not_there(platform: Any) -> None:
    url = "https://www.googleapis.com/service_accounts/v1/jwk/nobody@primus.iam.gserviceaccount.com"
    assert platform.call("GET", url).status == 404
