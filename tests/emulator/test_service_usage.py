"""Which APIs are enabled: what the emulator serves, and what people enabled besides."""

from __future__ import annotations

from typing import Any

import pytest

_SERVICES = "https://serviceusage.googleapis.com/v1/projects/primus/services"


def _names(platform: Any, query: str = "") -> set[str]:
    listed = platform.call("GET", _SERVICES + query).json.get("services", [])
    return {each["config"]["name"] for each in listed}


def test_what_is_served_is_enabled_and_stays_so(platform: Any) -> None:
    served = {f"{name}.googleapis.com" for name in ("cloudkms", "compute", "iam", "serviceusage")}
    assert served <= _names(platform)
    one = platform.call("GET", f"{_SERVICES}/compute.googleapis.com").json
    assert (one["name"], one["state"]) == ("projects/100000000001/services/compute.googleapis.com", "ENABLED")
    refused = platform.call("POST", f"{_SERVICES}/compute.googleapis.com:disable", {})
    assert (refused.status, "cannot disable" in refused.json["error"]["message"]) == (400, True)


def test_another_is_enabled_listed_and_disabled(platform: Any) -> None:
    other = f"{_SERVICES}/container.googleapis.com"
    assert platform.call("GET", other).json["state"] == "DISABLED"
    operation = platform.call("POST", f"{other}:enable", {}).json
    assert (operation["done"], operation["response"]["service"]["state"]) == (True, "ENABLED")
    again = platform.call("GET", f"https://serviceusage.googleapis.com/v1/{operation['name']}").json
    assert again == operation
    assert "container.googleapis.com" in _names(platform, "?filter=state:ENABLED")
    batch = platform.call("GET", f"{_SERVICES}:batchGet?names=projects/1/services/container.googleapis.com")
    assert batch.json["services"][0]["state"] == "ENABLED"
    platform.call("POST", f"{other}:disable", {})
    assert "container.googleapis.com" not in _names(platform)


def test_many_are_enabled_at_once(platform: Any) -> None:
    body = {"serviceIds": ["container.googleapis.com", "iam.googleapis.com"]}
    answer = platform.call("POST", f"{_SERVICES}:batchEnable", body).json
    assert [each["state"] for each in answer["response"]["services"]] == ["ENABLED", "ENABLED"]
    assert "container.googleapis.com" in _names(platform)
    assert _names(platform, "?filter=state:DISABLED") == set()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", ":batchEnable", {"serviceIds": []}, 400),
        ("POST", ":batchEnable", {"serviceIds": ["a.b"] * 21}, 400),
        ("POST", ":batchEnable", {"serviceIds": ["nonsense"]}, 400),
        ("POST", "/nonsense:enable", {}, 400),
        ("GET", "?filter=name:x", None, 400),
        ("GET", "/../../operations/none", None, 400),
    ],
)
def test_what_is_wrong_is_refused(platform: Any, method: str, path: str, body: Any, status: int) -> None:
    assert platform.call(method, _SERVICES + path, body).status == status


def test_an_operation_that_never_was_is_not_found(platform: Any) -> None:
    assert platform.call("GET", "https://serviceusage.googleapis.com/v1/operations/none").status == 404


def test_a_stranger_enables_and_sees_nothing(platform: Any) -> None:
    assert platform.call("GET", _SERVICES, by="operator").status == 403
    assert platform.call("POST", f"{_SERVICES}/a.b:enable", {}, by="operator").status == 403
