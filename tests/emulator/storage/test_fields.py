"""What is set on a bucket or an object is kept and honoured, or refused: never taken and dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

STORAGE = "https://storage.googleapis.com/storage/v1/b"
BUCKET = f"{STORAGE}/bucket-of-primus"
UPLOAD = "https://storage.googleapis.com/upload/storage/v1/b/bucket-of-primus/o"

REFUSED_OF_BUCKETS: dict[str, dict[str, Any]] = {
    "versions of what": {"versioning": {"enabled": "yes"}},
    "versions and more": {"versioning": {"enabled": True, "mfaDelete": True}},
    "a lifecycle": {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 1}}]}},
    "retention": {"retentionPolicy": {"retentionPeriod": "60"}},
    "retention of objects": {"objectRetention": {"mode": "Enabled"}},
    "a default hold": {"defaultEventBasedHold": True},
    "a requester who pays": {"billing": {"requesterPays": True}},
    "CORS": {"cors": [{"origin": ["*"], "method": ["GET"]}]},
    "a key": {"encryption": {"defaultKmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}},
    "logs": {"logging": {"logBucket": "logs"}},
    "a web site": {"website": {"mainPageSuffix": "index.html"}},
    "autoclass": {"autoclass": {"enabled": True}},
    "folders": {"hierarchicalNamespace": {"enabled": True}},
    "soft delete": {"softDeletePolicy": {"retentionDurationSeconds": "604800"}},
    "turbo replication": {"rpo": "ASYNC_TURBO"},
    "a filter": {"ipFilter": {"mode": "Enabled"}},
    "places": {"customPlacementConfig": {"dataLocations": ["US-EAST1", "US-WEST1"]}},
    "an access list": {"acl": [{"entity": "allUsers", "role": "READER"}]},
    "access lists": {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False}}},
    "a field that nobody knows": {"novelty": 1},
    "a storage class that nobody knows": {"storageClass": "LUKEWARM"},
    "a label in capitals": {"labels": {"Purpose": "x"}},
    "a label that is no text": {"labels": {"purpose": 1}},
    "access that is no object": {"iamConfiguration": "uniform"},
    "prevention of what": {"iamConfiguration": {"publicAccessPrevention": "perhaps"}},
    "a place that is none": {"location": "here, there"},
}
SAYS_NOTHING: list[dict[str, Any]] = [
    {"versioning": {"enabled": False}},
    {"lifecycle": {"rule": []}},
    {"lifecycle": None},
    {"cors": []},
    {"billing": {"requesterPays": False}},
    {"softDeletePolicy": {"retentionDurationSeconds": "0"}},
    {"rpo": "DEFAULT"},
    {"acl": []},
    {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}},
]


@pytest.fixture
def made(platform: Any) -> Any:
    """All services, with a bucket."""
    assert platform.call("POST", f"{STORAGE}?project=primus", {"name": "bucket-of-primus"}).status == 200
    return platform


@pytest.mark.parametrize("fields", REFUSED_OF_BUCKETS.values(), ids=REFUSED_OF_BUCKETS)
def test_a_bucket_with_what_the_emulator_lacks_is_refused(made: Any, fields: dict[str, Any]) -> None:
    before = made.call("GET", BUCKET).json
    for method in ("PATCH", "PUT"):
        refused = made.call(method, BUCKET, fields)
        assert refused.status == 400, refused.text
    assert made.call("GET", BUCKET).json == before
    assert made.call("POST", f"{STORAGE}?project=primus", {"name": "another-one", **fields}).status == 400
    assert made.call("GET", f"{STORAGE}/another-one").status == 404


@pytest.mark.parametrize("fields", SAYS_NOTHING, ids=str)
def test_a_field_that_says_how_it_is_anyway_is_taken(made: Any, fields: dict[str, Any]) -> None:
    assert made.call("PATCH", BUCKET, fields).status == 200


def test_what_a_bucket_showed_may_be_sent_back(made: Any) -> None:
    shown = made.call("GET", BUCKET).json
    changed = made.call("PUT", BUCKET, shown | {"labels": {"a": "b"}}).json
    assert changed["labels"] == {"a": "b"}
    assert made.call("PUT", BUCKET, {}).json.get("labels") is None


def test_labels_are_merged_by_a_patch_and_removed_by_null(made: Any) -> None:
    made.call("PATCH", BUCKET, {"labels": {"a": "1", "b": "2"}})
    assert made.call("PATCH", BUCKET, {"labels": {"a": None, "c": "3"}}).json["labels"] == {
        "b": "2",
        "c": "3",
    }


def test_a_buckets_etag_changes_with_it(made: Any) -> None:
    before = made.call("GET", BUCKET).json
    after = made.call("PATCH", BUCKET, {"labels": {"a": "1"}}).json
    assert (before["etag"], after["etag"]) == ("CAE=", "CAI=")
    assert (before["metageneration"], after["metageneration"]) == ("1", "2")


def test_neither_name_nor_place_of_a_bucket_changes(made: Any) -> None:
    assert made.call("PATCH", BUCKET, {"location": "us"}).status == 200
    assert made.call("PATCH", BUCKET, {"location": "EU"}).status == 400
    assert made.call("PATCH", BUCKET, {"name": "another-one"}).status == 400


def test_a_storage_class_is_the_objects_own_or_its_buckets(made: Any) -> None:
    made.call("PATCH", BUCKET, {"storageClass": "nearline"})
    of_the_bucket = made.call("POST", f"{UPLOAD}?uploadType=media&name=o")
    assert of_the_bucket.json["storageClass"] == "NEARLINE"
    made.call("PATCH", BUCKET, {"storageClass": "STANDARD"})
    assert made.call("GET", f"{BUCKET}/o/o").json["storageClass"] == "NEARLINE"
    assert made.call("GET", f"{BUCKET}/o/o?alt=media").headers["x-goog-storage-class"] == "NEARLINE"
    assert made.call("PATCH", f"{BUCKET}/o/o", {"storageClass": "COLDLINE"}).status == 400
    rewritten = made.call(
        "POST", f"{BUCKET}/o/o/rewriteTo/b/bucket-of-primus/o/o", {"storageClass": "coldline"}
    )
    assert rewritten.json["resource"]["storageClass"] == "COLDLINE"
    copied = made.call("POST", f"{BUCKET}/o/o/copyTo/b/bucket-of-primus/o/c")
    assert copied.json["storageClass"] == "STANDARD"


REFUSED_OF_OBJECTS: dict[str, dict[str, Any]] = {
    "a hold": {"temporaryHold": True},
    "a hold until an event": {"eventBasedHold": True},
    "retention": {"retention": {"mode": "Unlocked", "retainUntilTime": "2030-01-01T00:00:00Z"}},
    "a time": {"customTime": "2026-01-01T00:00:00Z"},
    "contexts": {"contexts": {"custom": {"a": {"value": "b"}}}},
    "an access list": {"acl": [{"entity": "allUsers", "role": "READER"}]},
    "a key": {"kmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k"},
    "a field that nobody knows": {"novelty": 1},
    "a type that is no text": {"contentType": 1},
    "metadata that is no map": {"metadata": "a"},
    "metadata that is no text": {"metadata": {"a": 1}},
}


@pytest.mark.parametrize("fields", REFUSED_OF_OBJECTS.values(), ids=REFUSED_OF_OBJECTS)
def test_an_object_with_what_the_emulator_lacks_is_refused(made: Any, fields: dict[str, Any]) -> None:
    made.call("POST", f"{UPLOAD}?uploadType=media&name=o")
    before = made.call("GET", f"{BUCKET}/o/o").json
    compose = {"sourceObjects": [{"name": "o"}], "destination": fields}
    for method, url, body in (
        ("PATCH", f"{BUCKET}/o/o", fields),
        ("PUT", f"{BUCKET}/o/o", fields),
        ("POST", f"{BUCKET}/o/o/copyTo/b/bucket-of-primus/o/new", fields),
        ("POST", f"{BUCKET}/o/o/rewriteTo/b/bucket-of-primus/o/new", fields),
        ("POST", f"{BUCKET}/o/new/compose", compose),
        ("POST", f"{UPLOAD}?uploadType=resumable&name=new", fields),
    ):
        refused = made.call(method, url, body)
        assert refused.status == 400, url
        assert refused.json["error"]["errors"][0]["reason"] in ("invalid", "notEmulated")
    assert made.call("GET", f"{BUCKET}/o/o").json == before
    assert made.call("GET", f"{BUCKET}/o/new").status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/o?matchGlob=**.jpg"),
        ("GET", "/o?softDeleted=true"),
        ("GET", "/o/o?softDeleted=true"),
        ("POST", "/o/o/rewriteTo/b/bucket-of-primus/o/c?destinationKmsKeyName=k"),
        ("GET", "/notificationConfigs"),
        ("POST", "/lockRetentionPolicy?ifMetagenerationMatch=1"),
        ("GET", "/o/o/iam"),
    ],
)
def test_what_is_absent_is_said_and_not_worth_trying_again(made: Any, method: str, path: str) -> None:
    made.call("POST", f"{UPLOAD}?uploadType=media&name=o")
    refused = made.call(method, BUCKET + path, {} if method != "GET" else None)
    assert refused.status == 400
    assert "the emulator's Cloud Storage does not have" in refused.json["error"]["message"]
    assert refused.json["error"]["errors"][0]["reason"] == "notEmulated"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/o/o/copyTo/b/bucket-of-primus/o/c?destinationPredefinedAcl=publicRead"),
        ("PATCH", "?predefinedAcl=private"),
    ],
)
def test_a_ready_made_access_list_is_refused_as_any_other(made: Any, method: str, path: str) -> None:
    made.call("POST", f"{UPLOAD}?uploadType=media&name=o")
    refused = made.call(method, BUCKET + path, {})
    assert (refused.status, "uniform bucket-level access" in refused.text) == (400, True)


def test_a_parameter_that_asks_for_nothing_is_taken_as_python_writes_it(platform: Any) -> None:
    """As `gcloud storage buckets create` does."""
    url = f"{STORAGE}?project=primus&enableObjectRetention=False"
    assert platform.call("POST", url, {"name": "bucket-of-primus"}).status == 200


def test_a_key_of_the_customers_is_refused_whatever_the_call(made: Any, ask: Callable[..., Any]) -> None:
    headers = {"authorization": f"Bearer {made.token_of('user:owner@primus.example')}"}
    headers["x-goog-encryption-algorithm"] = "AES256"
    for url in (f"{UPLOAD}?uploadType=media&name=o", f"{BUCKET}/o/o", "https://storage.googleapis.com/b/o"):
        refused = ask(made.app, "POST", url, headers=headers, body=b"x")
        assert (refused.status, "encryption keys" in refused.text) == (400, True)
    assert made.call("GET", f"{BUCKET}/o/o").status == 404


def test_a_name_for_certificates_challenges_is_no_objects(made: Any) -> None:
    refused = made.call("POST", f"{UPLOAD}?uploadType=media&name=.well-known/acme-challenge/x")
    assert refused.status == 400
