"""Who may do what in Cloud Storage, and in which words the others are refused."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.oauth2.credentials import Credentials

from emulator.running import Running

OPERATOR = "operator@secundus.example"


def grant(bucket: Any, role: str) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": role, "members": {f"user:{OPERATOR}"}})
    bucket.set_iam_policy(policy)


def denied(permission: str, kind: str) -> str:
    return (
        f"{OPERATOR} does not have {permission} access to the Google Cloud Storage {kind}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )


def test_the_operator_cannot_read_the_owners_bucket(bucket: Any, operator: Any) -> None:
    bucket.blob("model").upload_from_string(b"secret")
    theirs = operator.bucket(bucket.name)
    message = denied("storage.objects.get", "object")
    with pytest.raises(exceptions.Forbidden) as refused:
        theirs.blob("model").reload()
    assert refused.value.response.json() == {
        "error": {
            "code": 403,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": "forbidden"}],
        }
    }
    with pytest.raises(exceptions.Forbidden) as refused:
        theirs.blob("model").download_as_bytes()
    assert f"?alt=media: {message}: " in str(refused.value)


@pytest.mark.parametrize(
    ("permission", "kind", "action"),
    [
        ("storage.objects.list", "bucket", lambda bucket: list(bucket.list_blobs())),
        ("storage.objects.create", "object", lambda bucket: bucket.blob("o").upload_from_string("x")),
        ("storage.objects.delete", "object", lambda bucket: bucket.blob("o").delete()),
        ("storage.objects.update", "object", lambda bucket: bucket.blob("o").patch()),
        ("storage.buckets.get", "bucket", lambda bucket: bucket.reload()),
        ("storage.buckets.update", "bucket", lambda bucket: bucket.patch()),
        ("storage.buckets.delete", "bucket", lambda bucket: bucket.delete()),
        ("storage.buckets.getIamPolicy", "bucket", lambda bucket: bucket.get_iam_policy()),
    ],
)
def test_a_stranger_is_refused_everything(
    bucket: Any, operator: Any, permission: str, kind: str, action: Callable[[Any], object]
) -> None:
    with pytest.raises(exceptions.Forbidden) as refused:
        action(operator.bucket(bucket.name))
    assert denied(permission, kind) in str(refused.value)


def test_a_role_on_the_bucket_admits_to_what_it_says(bucket: Any, operator: Any) -> None:
    bucket.blob("o").upload_from_string(b"data")
    grant(bucket, "roles/storage.objectViewer")
    theirs = operator.bucket(bucket.name)
    assert theirs.blob("o").download_as_bytes() == b"data"
    with pytest.raises(exceptions.Forbidden):
        theirs.blob("o").delete()


def test_whoever_may_not_list_is_not_told_what_is_missing(bucket: Any, operator: Any) -> None:
    bucket.blob("o").upload_from_string(b"data")
    grant(bucket, "roles/storage.legacyObjectReader")
    theirs = operator.bucket(bucket.name)
    assert theirs.blob("o").download_as_bytes() == b"data"
    with pytest.raises(exceptions.Forbidden):
        theirs.blob("none").download_as_bytes()


def test_a_creator_writes_once(bucket: Any, operator: Any) -> None:
    grant(bucket, "roles/storage.objectCreator")
    blob = operator.bucket(bucket.name).blob("o")
    blob.upload_from_string(b"1", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string(b"2", if_generation_match=0)
    with pytest.raises(exceptions.Forbidden, match=r"does not have storage\.objects\.delete access"):
        blob.upload_from_string(b"2")
    assert bucket.blob("o").download_as_bytes() == b"1"


def test_policies_are_read_modified_and_written(bucket: Any) -> None:
    stale = bucket.get_iam_policy(requested_policy_version=3)
    grant(bucket, "roles/storage.objectViewer")
    [binding] = bucket.get_iam_policy(requested_policy_version=3).bindings
    assert binding["role"] == "roles/storage.objectViewer"
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.set_iam_policy(stale)


def test_permissions_are_tested(bucket: Any, operator: Any) -> None:
    asked = ["storage.objects.get", "storage.objects.create"]
    assert bucket.test_iam_permissions(asked) == asked
    grant(bucket, "roles/storage.objectViewer")
    assert operator.bucket(bucket.name).test_iam_permissions(asked) == ["storage.objects.get"]


def test_an_anonymous_caller_is_told_to_say_who_it_is(bucket: Any) -> None:
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket.name}/o/x"
    answer = requests.get(url, timeout=9)
    message = (
        "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object. "
        "Permission 'storage.objects.get' denied on resource (or it may not exist)."
    )
    item = {"message": message, "domain": "global", "reason": "required"}
    item |= {"locationType": "header", "location": "Authorization"}
    assert answer.json() == {"error": {"code": 401, "message": message, "errors": [item]}}


def test_a_bucket_for_all_users_is_open_to_anonymous_callers(bucket: Any) -> None:
    bucket.blob("o").upload_from_string(b"open")
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    bucket.set_iam_policy(policy)
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket.name}/o/o?alt=media"
    assert requests.get(url, timeout=9).content == b"open"


def test_an_invalid_token_is_refused(bucket: Any) -> None:
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket.name}"
    answer = requests.get(url, headers={"authorization": "Bearer ya29.nonsense"}, timeout=9)
    assert answer.status_code == 401
    assert answer.json()["error"]["errors"][0]["reason"] == "authError"


@pytest.mark.parametrize(
    ("scope", "reads", "writes", "shares"),
    [
        ("cloud-platform", True, True, True),
        ("devstorage.full_control", True, True, True),
        ("devstorage.read_write", True, True, False),
        ("devstorage.read_only", True, False, False),
        ("userinfo.email", False, False, False),
    ],
)
def test_a_token_does_what_its_scopes_cover(
    bucket: Any, through_gateway: Running, scope: str, reads: bool, writes: bool, shares: bool
) -> None:
    bucket.blob("o").upload_from_string(b"data")
    file = str(through_gateway.credentials_file("owner"))
    scopes = [f"https://www.googleapis.com/auth/{scope}"]
    credentials = Credentials.from_authorized_user_file(file, scopes)  # type: ignore[no-untyped-call]
    client = storage.Client(project="primus", credentials=credentials)
    theirs = client.bucket(bucket.name)
    actions: list[tuple[bool, Callable[[], object]]] = [
        (reads, theirs.blob("o").download_as_bytes),
        (writes, lambda: theirs.blob("new").upload_from_string(b"data")),
        (shares, theirs.get_iam_policy),
    ]
    for allowed, action in actions:
        if allowed:
            action()
        else:
            with pytest.raises(exceptions.Forbidden, match=r"Provided scope\(s\) are not authorized"):
                action()
    client.close()


def test_a_missing_bucket_is_not_found_in_cloud_storages_words(owner: Any) -> None:
    with pytest.raises(exceptions.NotFound, match=r": The specified bucket does not exist\.$"):
        owner.get_bucket("no-such-bucket")
    with pytest.raises(exceptions.NotFound, match="The specified bucket does not exist"):
        owner.bucket("no-such-bucket").blob("o").upload_from_string("x")


def test_a_bucket_name_is_taken_once(bucket: Any, owner: Any, operator: Any) -> None:
    with pytest.raises(exceptions.Conflict, match="you already own it"):
        owner.create_bucket(bucket.name)
    with pytest.raises(exceptions.Conflict, match="The requested bucket name is not available"):
        operator.create_bucket(bucket.name)


@pytest.mark.parametrize("name", ["UPPER", "-x-", "x" * 223, "goog-le", "a/b", "ab"])
def test_a_malformed_bucket_name_is_refused(owner: Any, name: str) -> None:
    with pytest.raises((exceptions.BadRequest, ValueError), match=r"nvalid|Bucket names"):
        owner.create_bucket(name)


def test_nobody_makes_a_bucket_in_anothers_project(owner: Any) -> None:
    with pytest.raises(exceptions.Forbidden, match=r"does not have storage\.buckets\.create access"):
        owner.create_bucket(f"test-{uuid.uuid4().hex}", project="secundus")


def test_buckets_are_listed_labelled_and_deleted(bucket: Any, owner: Any, operator: Any) -> None:
    bucket.labels = {"purpose": "test"}
    bucket.patch()
    assert owner.get_bucket(bucket.name).labels == {"purpose": "test"}
    assert bucket.name in [found.name for found in owner.list_buckets()]
    assert bucket.name not in [found.name for found in operator.list_buckets()]
    bucket.blob("o").upload_from_string(b"data")
    with pytest.raises(exceptions.Conflict, match="not empty"):
        bucket.delete()
    bucket.delete(force=True)
    assert not bucket.exists()


def test_every_decision_is_in_the_audit_log(bucket: Any, operator: Any, emulator: Running) -> None:
    with pytest.raises(exceptions.Forbidden):
        operator.bucket(bucket.name).blob("model").download_as_bytes()
    log = map(json.loads, (emulator.folder / "audit.jsonl").read_text().splitlines())
    [entry] = [entry for entry in log if entry["resourceName"].endswith(f"{bucket.name}/objects/model")]
    assert entry["serviceName"] == "storage.googleapis.com"
    assert entry["methodName"] == "storage.objects.get"
    assert entry["principal"] == OPERATOR
    assert entry["granted"] is False


def test_no_access_list_is_silently_ignored(
    bucket: Any, session_of: Callable[[str], AuthorizedSession]
) -> None:
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket.name}/acl"
    assert session_of("owner").get(url).status_code == 501


@pytest.mark.parametrize("bindings", ["all", {"role": "roles/owner"}, ["roles/owner"]])
def test_a_policy_whose_bindings_are_none_is_refused(platform: Any, bindings: object) -> None:
    storage = "https://storage.googleapis.com/storage/v1/b"
    platform.call("POST", f"{storage}?project=primus", {"name": "bucket-of-primus"})
    answer = platform.call("PUT", f"{storage}/bucket-of-primus/iam", {"bindings": bindings})
    assert answer.status == 400
