"""Pools and providers by their REST API: made, found, changed, deleted softly, and not made wrongly."""

from __future__ import annotations

from typing import Any

import pytest

_IAM = "https://iam.googleapis.com/v1/"
_PLACE = "projects/primus/locations/global/workloadIdentityPools"
_NUMBERED = "projects/100000000001/locations/global/workloadIdentityPools"
_DAY_S = 86400
_PROVIDER = {
    "displayName": "who may",
    "attributeMapping": {"google.subject": "assertion.sub"},
    "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'",
    "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
}


def _make_pool(platform: Any, pool_id: str = "pool") -> Any:
    return platform.call("POST", f"{_IAM}{_PLACE}?workloadIdentityPoolId={pool_id}", {"displayName": "mine"})


def _make_provider(platform: Any, body: dict[str, Any] = _PROVIDER) -> Any:
    url = f"{_IAM}{_PLACE}/pool/providers?workloadIdentityPoolProviderId=prov"
    return platform.call("POST", url, body)


def test_a_pool_is_made_by_an_operation_and_named_by_the_projects_number(platform: Any) -> None:
    operation = _make_pool(platform).json
    assert "done" not in operation
    done = platform.call("GET", _IAM + operation["name"]).json
    assert done["done"]
    assert done["response"]["@type"] == "type.googleapis.com/google.iam.v1.WorkloadIdentityPool"
    by_id = platform.call("GET", f"{_IAM}{_PLACE}/pool").json
    by_number = platform.call("GET", f"{_IAM}{_NUMBERED}/pool").json
    assert by_id == by_number == {"name": f"{_NUMBERED}/pool", "displayName": "mine", "state": "ACTIVE"}


def test_a_provider_keeps_what_it_was_given(platform: Any) -> None:
    _make_pool(platform)
    operation = _make_provider(platform).json
    assert platform.call("GET", _IAM + operation["name"]).json["done"]
    name = f"{_NUMBERED}/pool/providers/prov"
    assert platform.call("GET", f"{_IAM}{name}").json == {**_PROVIDER, "name": name, "state": "ACTIVE"}
    listed = platform.call("GET", f"{_IAM}{_PLACE}/pool/providers").json
    assert [item["name"] for item in listed["workloadIdentityPoolProviders"]] == [name]


def test_a_provider_is_changed_where_the_mask_says(platform: Any) -> None:
    _make_pool(platform)
    _make_provider(platform)
    url = f"{_IAM}{_PLACE}/pool/providers/prov"
    changes = {"attributeCondition": "false", "displayName": "ignored", "oidc": {"allowedAudiences": ["a"]}}
    mask = "attribute_condition,oidc.allowedAudiences,disabled"
    assert platform.call("PATCH", f"{url}?updateMask={mask}", changes).status == 200
    changed = platform.call("GET", url).json
    assert (changed["attributeCondition"], changed["displayName"]) == ("false", "who may")
    assert changed["oidc"] == {**_PROVIDER["oidc"], "allowedAudiences": ["a"]}  # type: ignore[dict-item]


@pytest.mark.parametrize("what", ["pool", "pool/providers/prov"])
def test_a_deleted_resource_is_found_for_thirty_days_and_its_id_is_taken(platform: Any, what: str) -> None:
    _make_pool(platform)
    _make_provider(platform)
    url = f"{_IAM}{_PLACE}/{what}"
    make = _make_pool if what == "pool" else _make_provider
    assert platform.call("DELETE", url).status == 200
    deleted = platform.call("GET", url).json
    assert (deleted["state"], deleted["expireTime"]) == ("DELETED", "2027-02-14T08:00:00Z")
    collection = url.rpartition("/")[0]
    assert platform.call("GET", collection).json == {}
    assert len(platform.call("GET", collection + "?showDeleted=true").json.popitem()[1]) == 1
    again = make(platform)
    assert (again.status, again.json["error"]["message"]) == (409, "Requested entity already exists")
    platform.clock.now += 30 * _DAY_S
    assert platform.call("GET", url).status == 404
    if what == "pool":
        assert make(platform).status == 200


def test_a_deleted_pool_can_be_undeleted(platform: Any) -> None:
    _make_pool(platform)
    url = f"{_IAM}{_PLACE}/pool"
    assert platform.call("POST", f"{url}:undelete", {}).json["error"]["status"] == "FAILED_PRECONDITION"
    platform.call("DELETE", url)
    assert platform.call("PATCH", f"{url}?updateMask=disabled", {"disabled": True}).status == 400
    assert platform.call("POST", f"{url}:undelete", {}).status == 200
    assert platform.call("GET", url).json["state"] == "ACTIVE"


@pytest.mark.parametrize("pool_id", ["", "abc", "a" * 33, "Pool", "pool_1", "gcp-pool"])
def test_an_id_that_google_does_not_take_is_refused(platform: Any, pool_id: str) -> None:
    answer = _make_pool(platform, pool_id)
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"displayName": "x" * 33}, "display name must be less than or equal to 32 characters"),
        (
            {"attributeMapping": {"google.subject": "assertion.sub", "assertion.aud": "assertion.aud"}},
            "Invalid mapped attribute key: assertion.aud. Custom mapped attributes must be in format "
            "'attribute.{custom_attribute}'",
        ),
        ({"attributeMapping": {"attribute.a": "assertion.sub"}}, "google.subject"),
        ({"attributeMapping": {"google.subject": "assertion."}}, "google.subject"),
        ({"attributeMapping": {"google.subject": "'" + "x" * 2048 + "'"}}, "2,048"),
        ({"attributeCondition": "assertion.swname =="}, ""),
        ({"attributeCondition": "true || " * 600 + "true"}, "4,096"),
        ({"oidc": {"issuerUri": "http://a"}}, "https://"),
        ({"oidc": {"issuerUri": "https://a", "allowedAudiences": ["a"] * 11}}, "10"),
        ({"oidc": {"issuerUri": "https://a", "allowedAudiences": ["a" * 257]}}, "256"),
        ({"oidc": {"issuerUri": "https://a", "jwksJson": "{}"}}, "jwksJson"),
        ({"oidc": None}, "oidc"),
    ],
)
def test_a_provider_beyond_googles_limits_is_refused(
    platform: Any, change: dict[str, Any], words: str
) -> None:
    _make_pool(platform)
    answer = _make_provider(platform, {**_PROVIDER, **change})
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert words in answer.json["error"]["message"]
    assert platform.call("GET", f"{_IAM}{_PLACE}/pool/providers/prov").status == 404


@pytest.mark.parametrize(
    "issuer",
    ["https://token.actions.githubusercontent.com", "https://gitlab.com", "https://app.terraform.io"],
)
@pytest.mark.parametrize("condition", ["", "true", "'a' in ['a', 'b']"])
def test_an_issuer_of_many_tenants_needs_a_condition_that_reads_a_claim(
    platform: Any, issuer: str, condition: str
) -> None:
    _make_pool(platform)
    body = {**_PROVIDER, "attributeCondition": condition, "oidc": {"issuerUri": issuer}}
    answer = _make_provider(platform, body)
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert (
        answer.json["error"]["message"]
        == "The attribute condition must reference one of the provider's claims."
    )
    reading = {**body, "attributeCondition": "assertion.sub == 'mine'"}
    assert _make_provider(platform, reading).status == 200
    change = {"attributeCondition": "true"}
    url = f"{_IAM}{_PLACE}/pool/providers/prov?updateMask=attributeCondition"
    assert platform.call("PATCH", url, change).status == 400


@pytest.mark.parametrize("issuer", ["https://confidentialcomputing.googleapis.com", "https://issuer.example"])
def test_another_issuer_may_have_no_condition(platform: Any, issuer: str) -> None:
    _make_pool(platform)
    body = {**_PROVIDER, "attributeCondition": "", "oidc": {"issuerUri": issuer}}
    assert _make_provider(platform, body).status == 200


def test_what_nobody_has_made_is_not_found(platform: Any) -> None:
    assert _make_provider(platform).status == 404
    assert platform.call("GET", f"{_IAM}{_PLACE}/pool").json["error"]["message"] == (
        "Requested entity was not found."
    )


def test_another_party_may_not_even_look(platform: Any) -> None:
    _make_pool(platform)
    answer = platform.call("GET", f"{_IAM}{_PLACE}/pool", by="operator")
    assert (answer.status, answer.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "iam.workloadIdentityPools.get" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"displayName": "x" * 32}, id="a display name of 32 characters"),
        pytest.param({"description": "x" * 256}, id="a description of 256 characters"),
        pytest.param({"attributeCondition": "true".ljust(4096)}, id="a condition of 4,096 characters"),
        pytest.param(
            {"oidc": {"issuerUri": "https://a", "allowedAudiences": ["a"] * 10}}, id="ten audiences"
        ),
        pytest.param(
            {"oidc": {"issuerUri": "https://a", "allowedAudiences": ["a" * 256]}},
            id="an audience of 256 characters",
        ),
    ],
)
def test_a_provider_at_googles_limits_is_taken(platform: Any, change: dict[str, Any]) -> None:
    _make_pool(platform)
    assert _make_provider(platform, {**_PROVIDER, **change}).status == 200


@pytest.mark.parametrize("pool_id", ["abcd", "a" * 32])
def test_an_id_of_four_and_of_32_characters_is_taken(platform: Any, pool_id: str) -> None:
    assert _make_pool(platform, pool_id).status == 200


def test_a_description_beyond_256_characters_is_refused(platform: Any) -> None:
    _make_pool(platform)
    answer = _make_provider(platform, {**_PROVIDER, "description": "x" * 257})
    assert answer.json["error"]["message"] == "description must be less than or equal to 256 characters"


def test_a_deleted_pool_is_there_for_thirty_days_and_no_second_longer(platform: Any) -> None:
    _make_pool(platform)
    url = f"{_IAM}{_PLACE}/pool"
    platform.call("DELETE", url)
    platform.clock.now += 30 * 24 * 3600 - 1
    assert platform.call("GET", url).json["state"] == "DELETED"
    platform.clock.now += 1
    assert platform.call("GET", url).status == 404


def test_a_field_of_a_pool_that_is_not_kept_is_refused(platform: Any) -> None:
    url = f"{_IAM}{_PLACE}?workloadIdentityPoolId=trusting"
    answer = platform.call("POST", url, {"mode": "TRUST_DOMAIN"})
    assert answer.json["error"]["message"] == "the emulator does not have `mode` of pools"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"trustStore": {"a": "b"}}, "`trustStore` of providers"),
        (
            {"oidc": {"issuerUri": "https://x.example", "webSsoConfig": {"a": 1}}},
            "`webSsoConfig` of providers.oidc",
        ),
    ],
)
def test_a_field_of_a_provider_that_is_not_kept_is_refused(
    platform: Any, change: dict[str, Any], field: str
) -> None:
    _make_pool(platform)
    answer = _make_provider(platform, {**_PROVIDER, **change})
    assert answer.json["error"]["message"] == f"the emulator does not have {field}"
