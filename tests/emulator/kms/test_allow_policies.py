"""The allow policies of rings and keys: read, changed by whoever saw them, and asked about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.kms.conftest import KEY, RING, said

ROLE = "roles/cloudkms.cryptoKeyDecrypter"
BINDING = {"role": ROLE, "members": ["user:ana@example.com"]}


@pytest.mark.parametrize("on", [RING, KEY])
def test_a_policy_is_changed_by_whoever_saw_it(key: Any, on: str) -> None:
    empty = key.get(f"{on}:getIamPolicy?options.requestedPolicyVersion=3")
    assert empty == {"version": 1, "etag": empty["etag"], "bindings": []}
    changed = key.made(
        f"{on}:setIamPolicy",
        {"policy": {**empty, "bindings": [BINDING]}, "updateMask": "bindings,etag,version"},
    )
    assert changed["bindings"] == [BINDING]
    assert key.get(f"{on}:getIamPolicy") == changed
    late = key.call("POST", f"{on}:setIamPolicy", {"policy": empty})
    assert said(late)[:2] == (409, "ABORTED")
    assert key.get(f"{on}:getIamPolicy") == changed


@pytest.mark.parametrize("on", [RING, KEY])
@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param(
            {"policy": {"bindings": [{**BINDING, "condition": {"title": "x", "expression": "true"}}]}},
            id="a condition",
        ),
        pytest.param({"policy": {"bindings": [{**BINDING, "role": "roles/none"}]}}, id="an unknown role"),
        pytest.param({"policy": {"bindings": [{**BINDING, "members": "x"}]}}, id="members that are a text"),
        pytest.param({"policy": {"auditConfigs": [{"service": "x"}]}}, id="audit configurations"),
        pytest.param({"policy": {"bindings": []}, "updateMask": "etag"}, id="a mask without bindings"),
    ],
)
def test_what_a_policy_cannot_keep_is_refused(key: Any, on: str, request_body: object) -> None:
    key.grant(ROLE, "user:ana@example.com", on=on)
    before = key.get(f"{on}:getIamPolicy")
    assert key.call("POST", f"{on}:setIamPolicy", request_body).status == 400
    assert key.get(f"{on}:getIamPolicy") == before


def test_permissions_are_those_of_project_ring_and_key_together(key: Any) -> None:
    ana = key.platform.token_of("user:ana@example.com")
    asked = {
        "permissions": ["cloudkms.cryptoKeyVersions.useToDecrypt", "cloudkms.cryptoKeys.get", "no.such.one"]
    }

    def held(on: str) -> Any:
        return key.call("POST", f"{on}:testIamPermissions", asked, by=ana).json.get("permissions", [])

    assert held(KEY) == held(RING) == []
    key.grant("roles/cloudkms.viewer", "user:ana@example.com", on=RING)
    key.grant(ROLE, "user:ana@example.com", on=KEY)
    assert held(KEY) == asked["permissions"][:2]
    assert held(RING) == ["cloudkms.cryptoKeys.get"]


@pytest.mark.parametrize("on", [f"{RING}-none", f"{RING}/cryptoKeys/none"])
def test_of_what_is_not_there_nothing_is_held_by_its_owner_either(key: Any, on: str) -> None:
    answer = key.call("POST", f"{on}:testIamPermissions", {"permissions": ["cloudkms.cryptoKeys.get"]})
    assert (answer.status, answer.json) == (200, {})
    for verb, body in (("getIamPolicy", None), ("setIamPolicy", {})):
        assert key.call("GET" if body is None else "POST", f"{on}:{verb}", body).status == 404
