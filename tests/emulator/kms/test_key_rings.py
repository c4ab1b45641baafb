"""Locations, and key rings in them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.kms.conftest import RING, said

LOCATION = RING.partition("/keyRings")[0]


def test_locations_are_googles_regions_and_multi_regions(kms: Any) -> None:
    listed = kms.get("projects/primus/locations?pageSize=1000")["locations"]
    assert {"global", "us", "europe", "us-west1"} <= {each["locationId"] for each in listed}
    one = kms.get("projects/primus/locations/us-west1")
    assert one in listed
    assert one["metadata"] == {"@type": "type.googleapis.com/google.cloud.kms.v1.LocationMetadata"}


@pytest.mark.parametrize("location", ["moon", "-", "us-west1-b"])
def test_another_location_is_not_found_in_googles_words(kms: Any, location: str) -> None:
    words = f"The request concerns location '{location}' but was sent to location 'global'."
    for method, name in (
        ("GET", f"projects/primus/locations/{location}"),
        ("GET", f"projects/primus/locations/{location}/keyRings"),
        ("POST", f"projects/primus/locations/{location}/keyRings?keyRingId=ring"),
    ):
        status, kind, sentence = said(kms.call(method, name))
        assert (status, kind, sentence.startswith(words)) == (404, "NOT_FOUND", True)


def test_a_ring_is_made_got_and_listed(kms: Any, clock: Any) -> None:
    assert kms.get(f"{LOCATION}/keyRings") == {}
    clock.now = 1_800_000_000.5
    made = kms.made(f"{LOCATION}/keyRings?keyRingId=ring", {})
    assert made == {"name": RING, "createTime": "2027-01-15T08:00:00.500000Z"}
    assert kms.get(RING) == made
    kms.made("projects/primus/locations/us/keyRings?keyRingId=elsewhere", {})
    assert kms.get(f"{LOCATION}/keyRings") == {"keyRings": [made], "totalSize": 1}


def test_a_project_by_its_number_is_the_same_and_is_named_by_its_id(ring: Any) -> None:
    assert ring.get(RING.replace("primus", "100000000001"))["name"] == RING


def test_rings_come_in_pages(ring: Any) -> None:
    ring.made(f"{LOCATION}/keyRings?keyRingId=another", {})
    first = ring.get(f"{LOCATION}/keyRings?pageSize=1")
    rest = ring.get(f"{LOCATION}/keyRings?pageSize=1&pageToken={first['nextPageToken']}")
    names = [each["name"] for each in first["keyRings"] + rest["keyRings"]]
    assert names == [f"{LOCATION}/keyRings/another", RING]
    assert (first["totalSize"], rest["totalSize"], "nextPageToken" in rest) == (2, 2, False)


def test_a_name_is_taken_for_good(ring: Any) -> None:
    again = ring.call("POST", f"{LOCATION}/keyRings?keyRingId=ring", {})
    assert said(again) == (409, "ALREADY_EXISTS", f"KeyRing {RING} already exists.")
    assert ring.call("DELETE", RING).status == 400


@pytest.mark.parametrize("identifier", ["", "a.b", "a" * 64, "é"])
def test_an_id_that_google_does_not_take_is_refused(kms: Any, identifier: str) -> None:
    answer = kms.call("POST", f"{LOCATION}/keyRings?keyRingId={identifier}", {})
    assert said(answer)[:2] == (400, "INVALID_ARGUMENT")
    assert kms.get(f"{LOCATION}/keyRings") == {}


def test_a_field_that_a_ring_does_not_have_is_refused(kms: Any) -> None:
    answer = kms.call("POST", f"{LOCATION}/keyRings?keyRingId=ring", {"labels": {"a": "b"}})
    assert said(answer) == (400, "UNIMPLEMENTED", "the emulator does not have `labels` of key rings")
    assert kms.get(f"{LOCATION}/keyRings") == {}


def test_a_ring_that_is_not_there_is_not_found(kms: Any) -> None:
    assert said(kms.call("GET", RING)) == (404, "NOT_FOUND", f"KeyRing {RING} not found.")
    assert said(kms.call("GET", f"{RING}/cryptoKeys"))[2] == f"KeyRing {RING} not found."
    assert said(kms.call("POST", f"{RING}/cryptoKeys?cryptoKeyId=key", {}))[2] == f"KeyRing {RING} not found."
