"""Keys: made, listed, changed, and given another primary version."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.kms.conftest import FIRST, KEY, RING, SECOND, SYMMETRIC, said

IN_2027 = "2027-01-15T08:00:00Z"
LATER = "2027-02-15T08:00:00Z"
VERSION = {"protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}


def test_a_key_is_made_with_its_first_version_as_the_primary(ring: Any) -> None:
    made = ring.made(f"{RING}/cryptoKeys?cryptoKeyId=key", SYMMETRIC)
    assert made == {
        "name": KEY,
        "purpose": "ENCRYPT_DECRYPT",
        "createTime": IN_2027,
        "versionTemplate": VERSION,
        "destroyScheduledDuration": "2592000s",
        "primary": {
            "name": FIRST,
            "state": "ENABLED",
            "createTime": IN_2027,
            "generateTime": IN_2027,
            **VERSION,
        },
    }
    assert ring.get(KEY) == made
    assert ring.get(f"{RING}/cryptoKeys?versionView=FULL") == {"cryptoKeys": [made], "totalSize": 1}


def test_what_is_asked_for_is_kept_and_shown(ring: Any) -> None:
    wanted = {
        **SYMMETRIC,
        "labels": {"team": "blue"},
        "rotationPeriod": "86400s",
        "nextRotationTime": LATER,
        "destroyScheduledDuration": "86400s",
        "versionTemplate": VERSION,
    }
    ring.made(f"{RING}/cryptoKeys?cryptoKeyId=key", wanted)
    shown = ring.get(KEY)
    assert {field: shown[field] for field in wanted} == wanted


def test_a_key_without_a_version_encrypts_once_it_has_a_primary(ring: Any) -> None:
    made = ring.made(f"{RING}/cryptoKeys?cryptoKeyId=key&skipInitialVersionCreation=true", SYMMETRIC)
    assert "primary" not in made
    refused = said(ring.encrypt(b"data"))
    assert refused == (400, "FAILED_PRECONDITION", f"{KEY} has no primary version.")
    assert ring.made(f"{KEY}/cryptoKeyVersions", {})["name"] == FIRST
    assert said(ring.encrypt(b"data")) == refused
    ring.made(f"{KEY}:updatePrimaryVersion", {"cryptoKeyVersionId": "1"})
    assert ring.encrypt(b"data").json["name"] == FIRST


def test_a_name_is_taken_for_good(key: Any) -> None:
    before = key.get(KEY)
    again = key.call("POST", f"{RING}/cryptoKeys?cryptoKeyId=key", SYMMETRIC)
    assert said(again) == (409, "ALREADY_EXISTS", f"CryptoKey {KEY} already exists.")
    assert key.get(KEY) == before
    assert key.call("DELETE", KEY).status == 400


def test_a_ring_lists_its_own_keys(key: Any) -> None:
    key.made("projects/primus/locations/global/keyRings?keyRingId=ring2", {})
    key.made(f"{RING}2/cryptoKeys?cryptoKeyId=other", SYMMETRIC)
    assert [each["name"] for each in key.get(f"{RING}/cryptoKeys")["cryptoKeys"]] == [KEY]
    assert key.get(f"{RING}/cryptoKeys")["totalSize"] == 1


def test_labels_and_the_rotation_schedule_are_changed_one_by_one(key: Any) -> None:
    def patch(mask: str, body: object) -> Any:
        answer = key.call("PATCH", f"{KEY}?updateMask={mask}", body)
        assert answer.status == 200, answer.text
        assert key.get(KEY) == answer.json
        return answer.json

    patch("labels", {"labels": {"a": "b"}, "rotationPeriod": "never, for it is not in the mask"})
    patched = patch(
        "rotationPeriod,next_rotation_time", {"rotationPeriod": "90000s", "nextRotationTime": LATER}
    )
    assert patched["labels"] == {"a": "b"}
    assert (patched["rotationPeriod"], patched["nextRotationTime"]) == ("90000s", LATER)
    assert patch("versionTemplate.algorithm", {"versionTemplate": VERSION}) == patched
    bare = patch("labels,rotationPeriod,nextRotationTime", {})
    assert not bare.keys() & {"labels", "rotationPeriod", "nextRotationTime"}


@pytest.mark.parametrize(
    ("mask", "body"),
    [
        pytest.param("", {"labels": {}}, id="no mask"),
        pytest.param("purpose", SYMMETRIC, id="the purpose"),
        pytest.param("destroyScheduledDuration", {"destroyScheduledDuration": "86400s"}, id="the duration"),
        pytest.param("primary", {"primary": {"name": SECOND}}, id="the primary version"),
        pytest.param("rotationPeriod", {"rotationPeriod": "86400s"}, id="a period without a time"),
        pytest.param("nextRotationTime", {"nextRotationTime": "2026-01-01T00:00:00Z"}, id="the past"),
        pytest.param("labels", {"labels": {"A": "b"}}, id="a label in capitals"),
        pytest.param(
            "versionTemplate", {"versionTemplate": {"algorithm": "AES_256_GCM"}}, id="another algorithm"
        ),
        pytest.param("labels", {"labels": {}, "importOnly": True}, id="a field that the emulator has not"),
        pytest.param(
            "labels", {"labels": {}, "keyAccessJustificationsPolicy": {}}, id="a policy that admits no reason"
        ),
    ],
)
def test_a_change_that_cannot_be_kept_is_refused(key: Any, mask: str, body: object) -> None:
    before = key.get(KEY)
    assert key.call("PATCH", f"{KEY}?updateMask={mask}", body).status == 400
    assert key.get(KEY) == before


def test_a_time_cannot_be_taken_from_a_period(ring: Any) -> None:
    scheduled = {**SYMMETRIC, "rotationPeriod": "86400s", "nextRotationTime": LATER}
    ring.made(f"{RING}/cryptoKeys?cryptoKeyId=key", scheduled)
    assert ring.call("PATCH", f"{KEY}?updateMask=nextRotationTime", {}).status == 400
    assert ring.call("PATCH", f"{KEY}?updateMask=rotationPeriod", {}).status == 200
    assert ring.call("PATCH", f"{KEY}?updateMask=nextRotationTime", {}).status == 200


def test_another_primary_encrypts_and_manual_rotation_leaves_the_schedule(ring: Any) -> None:
    scheduled = {**SYMMETRIC, "rotationPeriod": "86400s", "nextRotationTime": LATER}
    ring.made(f"{RING}/cryptoKeys?cryptoKeyId=key", scheduled)
    ring.made(f"{KEY}/cryptoKeyVersions", {})
    assert ring.encrypt(b"data").json["name"] == FIRST, "a new version is not the primary for that"
    changed = ring.made(f"{KEY}:updatePrimaryVersion", {"cryptoKeyVersionId": "2"})
    assert (changed["primary"]["name"], changed["nextRotationTime"]) == (SECOND, LATER)
    assert ring.encrypt(b"data").json["name"] == SECOND
    assert ring.encrypt(b"data", name=FIRST).json["name"] == FIRST


@pytest.mark.parametrize("body", [{}, {"cryptoKeyVersionId": 1}, {"cryptoKeyVersionId": ""}])
def test_a_primary_that_is_not_named_is_refused(key: Any, body: object) -> None:
    assert key.call("POST", f"{KEY}:updatePrimaryVersion", body).status == 400


def test_a_version_that_is_not_there_or_not_enabled_becomes_no_primary(key: Any) -> None:
    none = key.call("POST", f"{KEY}:updatePrimaryVersion", {"cryptoKeyVersionId": "2"})
    assert said(none) == (404, "NOT_FOUND", f"CryptoKeyVersion {SECOND} not found.")
    key.made(f"{KEY}/cryptoKeyVersions", {"state": "DISABLED"})
    disabled = key.call("POST", f"{KEY}:updatePrimaryVersion", {"cryptoKeyVersionId": "2"})
    sentence = f"{SECOND} is not enabled, current state is: DISABLED."
    assert said(disabled) == (400, "FAILED_PRECONDITION", sentence)
    assert key.get(KEY)["primary"]["name"] == FIRST


def test_a_key_that_is_not_there_is_not_found(ring: Any) -> None:
    for answer in (
        ring.call("GET", KEY),
        ring.call("PATCH", f"{KEY}?updateMask=labels", {}),
        ring.call("POST", f"{KEY}:updatePrimaryVersion", {"cryptoKeyVersionId": "1"}),
        ring.encrypt(b"data"),
        ring.decrypt("AAAA"),
    ):
        assert said(answer) == (404, "NOT_FOUND", f"CryptoKey {KEY} not found.")


@pytest.mark.parametrize("view", ["versionView=NONE", "versionView=2"])
def test_a_view_that_google_does_not_have_is_refused(key: Any, view: str) -> None:
    assert key.call("GET", f"{RING}/cryptoKeys?{view}").status == 400
