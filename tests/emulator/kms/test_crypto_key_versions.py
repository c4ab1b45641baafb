"""Versions: made in order, disabled, scheduled for destruction, restored; each only from where it can be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.kms.conftest import DAY_S, FIRST, KEY, SECOND, said

VERSIONS = f"{KEY}/cryptoKeyVersions"


def disable(kms: Any, state: str = "DISABLED") -> Any:
    return kms.call("PATCH", f"{FIRST}?updateMask=state", {"state": state})


def test_versions_are_numbered_in_order_and_listed_so(key: Any) -> None:
    made = [key.made(VERSIONS, {})["name"] for _ in range(10)]
    assert made == [f"{VERSIONS}/{number}" for number in range(2, 12)]
    listed = key.get(f"{VERSIONS}?view=FULL")
    assert [each["name"] for each in listed["cryptoKeyVersions"]] == [FIRST, *made]
    assert listed["totalSize"] == 11
    page = key.get(f"{VERSIONS}?pageSize=9")
    rest = key.get(f"{VERSIONS}?pageToken={page['nextPageToken']}")
    assert page["cryptoKeyVersions"] + rest["cryptoKeyVersions"] == listed["cryptoKeyVersions"]


def test_a_version_is_disabled_and_enabled_again(key: Any) -> None:
    ciphertext = key.encrypt(b"data").json["ciphertext"]
    assert disable(key).json["state"] == "DISABLED"
    assert disable(key).json["state"] == "DISABLED", "again does no harm"
    words = f"{FIRST} is not enabled, current state is: DISABLED."
    for answer in (key.encrypt(b"data"), key.encrypt(b"data", name=FIRST), key.decrypt(ciphertext)):
        assert said(answer) == (400, "FAILED_PRECONDITION", words)
        violation = {"type": "KEY_DISABLED", "subject": FIRST}
        kind = "type.googleapis.com/google.rpc.PreconditionFailure"
        assert answer.json["error"]["details"] == [{"@type": kind, "violations": [violation]}]
    assert key.get(KEY)["primary"]["state"] == "DISABLED"
    assert disable(key, "ENABLED").json["state"] == "ENABLED"
    assert key.decrypt(ciphertext).status == 200


def test_a_version_is_destroyed_when_its_time_has_come_and_not_before(key: Any, clock: Any) -> None:
    ciphertext = key.encrypt(b"data").json["ciphertext"]
    scheduled = key.made(f"{FIRST}:destroy", {})
    assert (scheduled["state"], scheduled["destroyTime"]) == ("DESTROY_SCHEDULED", "2027-01-17T08:00:00Z")
    clock.now += 2 * DAY_S - 1
    assert key.get(FIRST) == scheduled
    assert said(key.decrypt(ciphertext))[2].endswith("current state is: DESTROY_SCHEDULED.")
    clock.now += 1
    destroyed = key.get(FIRST)
    assert (destroyed["state"], destroyed["destroyEventTime"]) == ("DESTROYED", "2027-01-17T08:00:00Z")
    assert "destroyTime" not in destroyed
    refused = key.decrypt(ciphertext)
    sentence = f"{FIRST} is not enabled, current state is: DESTROYED."
    assert said(refused) == (400, "FAILED_PRECONDITION", sentence)
    assert refused.json["error"]["details"][0]["violations"] == [{"type": "KEY_DESTROYED", "subject": FIRST}]
    assert key.get(KEY)["primary"] == destroyed
    assert key.get(VERSIONS)["cryptoKeyVersions"] == [destroyed], "its number is not used again"
    assert key.made(VERSIONS, {})["name"] == SECOND


def test_a_version_is_restored_disabled_until_it_is_destroyed(key: Any, clock: Any) -> None:
    ciphertext = key.encrypt(b"data").json["ciphertext"]
    key.made(f"{FIRST}:destroy", {})
    clock.now += DAY_S
    restored = key.made(f"{FIRST}:restore", {})
    assert (restored["state"], [field for field in restored if "destroy" in field]) == ("DISABLED", [])
    clock.now += 30 * DAY_S
    assert key.get(FIRST) == restored
    disable(key, "ENABLED")
    assert key.decrypt(ciphertext).status == 200


@pytest.mark.parametrize(
    ("before", "then", "wanted"),
    [
        ([], "restore", "scheduled for destruction"),
        (["destroy"], "destroy", "enabled or disabled"),
        (["destroy"], "DISABLED", "enabled or disabled"),
        (["destroy"], "ENABLED", "enabled or disabled"),
        (["destroy", "wait"], "restore", "scheduled for destruction"),
        (["destroy", "wait"], "destroy", "enabled or disabled"),
        (["destroy", "wait"], "ENABLED", "enabled or disabled"),
    ],
)
def test_a_version_goes_only_where_it_can_from_where_it_is(
    key: Any, clock: Any, before: list[str], then: str, wanted: str
) -> None:
    def do(step: str) -> Any:
        if step == "wait":
            clock.now += 2 * DAY_S
            return None
        if step.isupper():
            return disable(key, step)
        return key.call("POST", f"{FIRST}:{step}", {})

    for step in before:
        do(step)
    state = key.get(FIRST)["state"]
    sentence = f"{FIRST} is not {wanted}, current state is: {state}."
    assert said(do(then)) == (400, "FAILED_PRECONDITION", sentence)
    assert key.get(FIRST)["state"] == state


def test_a_disabled_version_can_be_destroyed(key: Any) -> None:
    disable(key)
    assert key.made(f"{FIRST}:destroy", {})["state"] == "DESTROY_SCHEDULED"


@pytest.mark.parametrize("number", ["2", "01", "x", "0"])
def test_a_version_that_is_not_there_is_not_found(key: Any, number: str) -> None:
    name = f"{VERSIONS}/{number}"
    for answer in (
        key.call("GET", name),
        key.call("PATCH", f"{name}?updateMask=state", {"state": "ENABLED"}),
        key.call("POST", f"{name}:destroy", {}),
        key.call("POST", f"{name}:restore", {}),
        key.encrypt(b"data", name=name),
    ):
        assert said(answer) == (404, "NOT_FOUND", f"CryptoKeyVersion {name} not found.")


@pytest.mark.parametrize("verb", ["destroy", "restore"])
def test_what_these_calls_do_not_have_is_refused(key: Any, verb: str) -> None:
    assert key.call("POST", f"{FIRST}:{verb}", {"now": True}).status == 400
    assert key.get(FIRST)["state"] == "ENABLED"


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("DELETE", FIRST),
        ("POST", f"{VERSIONS}:import"),
        ("POST", f"{FIRST}:asymmetricSign"),
        ("POST", f"{FIRST}:decrypt"),
        ("POST", f"{FIRST}:rawEncrypt"),
        ("GET", f"{FIRST}/publicKey"),
        ("GET", f"{VERSIONS}?filter=state=ENABLED"),
    ],
)
def test_what_is_absent_says_so(key: Any, method: str, name: str) -> None:
    status, kind, sentence = said(key.call(method, name, None if method == "GET" else {}))
    assert (status, kind) == (400, "UNIMPLEMENTED")
    assert sentence.startswith("the emulator does not have")
