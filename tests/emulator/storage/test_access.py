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

STORAGE = "https://storage.googleapis.com/storage/v1/b"
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
    bindings = bucket.get_iam_policy(requested_policy_version=3).bindings
    assert {"role": "roles/storage.objectViewer", "members": {f"user:{OPERATOR}"}} in bindings
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


@pytest.mark.parametrize("below", ["acl", "defaultObjectAcl/allUsers", "o/a%2Fb/acl"])
def test_no_access_list_is_silently_ignored(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], below: str
) -> None:
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket.name}/{below}"
    answer = session_of("owner").get(url)
    assert answer.status_code == 400
    assert "uniform bucket-level access" in answer.json()["error"]["message"]


@pytest.mark.parametrize("bindings", ["all", {"role": "roles/owner"}, ["roles/owner"]])
def test_a_policy_whose_bindings_are_none_is_refused(platform: Any, bindings: object) -> None:
    storage = "https://storage.googleapis.com/storage/v1/b"
    platform.call("POST", f"{storage}?project=primus", {"name": "bucket-of-primus"})
    answer = platform.call("PUT", f"{storage}/bucket-of-primus/iam", {"bindings": bindings})
    assert answer.status == 400


@pytest.fixture
def mine(platform: Any) -> str:
    """The address of a bucket of the owner's."""
    answer = platform.call("POST", f"{STORAGE}?project=primus", {"name": "bucket-of-primus"})
    assert answer.status == 200, answer.text
    return f"{STORAGE}/bucket-of-primus"


def test_a_new_bucket_shows_what_the_projects_people_may_do(platform: Any, mine: str) -> None:
    bindings = platform.call("GET", f"{mine}/iam").json["bindings"]
    writers = ["projectEditor:primus", "projectOwner:primus"]
    assert bindings == [
        {"role": "roles/storage.legacyBucketOwner", "members": writers},
        {"role": "roles/storage.legacyBucketReader", "members": ["projectViewer:primus"]},
        {"role": "roles/storage.legacyObjectOwner", "members": writers},
        {"role": "roles/storage.legacyObjectReader", "members": ["projectViewer:primus"]},
    ]
    assert platform.call("GET", f"{mine}/o", by="operator").status == 403


def test_a_member_may_be_whoever_owns_the_project(platform: Any, mine: str) -> None:
    """An account that has the project by a role of the project's, and nothing of the bucket by name."""
    project = platform.state.collection("projects").get("primus")
    account = "serviceAccount:reader@primus.iam.gserviceaccount.com"
    accounts = "https://iam.googleapis.com/v1/projects/primus/serviceAccounts"
    platform.call("POST", accounts, {"accountId": "reader"})
    project["policy"]["bindings"].append({"role": "roles/viewer", "members": [account]})
    platform.state.collection("projects").put("primus", project)
    by = platform.token_of(account)
    assert platform.call("GET", f"{mine}/o", by=by).status == 200
    refused = platform.call("GET", f"{mine}/iam", by=by)
    assert refused.status == 403


def test_the_etag_of_a_policy_may_come_back_in_the_other_alphabet(platform: Any, mine: str) -> None:
    buckets = platform.state.collection("storage.buckets")
    bucket = buckets.get("bucket-of-primus")
    buckets.put("bucket-of-primus", bucket | {"policy": bucket["policy"] | {"etag": "+/8="}})
    assert platform.call("PUT", f"{mine}/iam", {"etag": "AAA=", "bindings": []}).status == 412
    assert platform.call("PUT", f"{mine}/iam", {"etag": "-_8=", "bindings": []}).status == 200


EVERYBODY = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}


def test_a_bucket_that_prevents_public_access_is_open_to_nobody_unnamed(
    platform: Any, ask: Callable[..., Any], mine: str
) -> None:
    assert platform.call("PUT", f"{mine}/iam", EVERYBODY).status == 200
    assert ask(platform.app, "GET", f"{mine}/o").status == 200
    closed = {"iamConfiguration": {"publicAccessPrevention": "enforced"}}
    assert platform.call("PATCH", mine, closed).json["iamConfiguration"] == {
        "bucketPolicyOnly": {"enabled": True},
        "uniformBucketLevelAccess": {"enabled": True},
        "publicAccessPrevention": "enforced",
    }
    assert ask(platform.app, "GET", f"{mine}/o").status == 401
    refused = platform.call("PUT", f"{mine}/iam", EVERYBODY)
    assert (refused.status, "allUsers" in refused.text) == (412, True)


def test_a_slash_in_a_buckets_name_is_told(platform: Any, mine: str) -> None:
    for path in ("bucket-of-primus%2Fmodel/o", "bucket-of-primus/model/a.tar.gz"):
        answer = platform.call("GET", f"{STORAGE}/{path}")
        assert answer.status == 404
        assert "is it object 'model" in answer.json["error"]["message"]


def test_where_a_bucket_lies_is_told_to_those_who_may_list_it(platform: Any, mine: str) -> None:
    layout = platform.call("GET", f"{mine}/storageLayout").json
    assert (layout["location"], layout["locationType"]) == ("US", "multi-region")
    assert layout["hierarchicalNamespace"] == {"enabled": False}
    assert platform.call("GET", f"{mine}/storageLayout", by="operator").status == 403


def test_buckets_come_in_pages(platform: Any) -> None:
    for name in ("one", "two", "three", "four"):
        platform.call("POST", f"{STORAGE}?project=primus", {"name": f"bucket-{name}"})
    found: list[str] = []
    token = ""
    while True:
        query = f"project=primus&maxResults=3&pageToken={token}"
        page = platform.call("GET", f"{STORAGE}?{query}").json
        found += [each["name"] for each in page["items"]]
        if not (token := page.get("nextPageToken", "")):
            break
    assert found == ["bucket-four", "bucket-one", "bucket-three", "bucket-two"]


@pytest.mark.parametrize("path", ["/storage/v1", "/upload/storage/v1", "/resumable/upload/storage/v1"])
def test_the_json_api_is_at_its_old_host_too_where_tensorflow_asks(
    platform: Any, mine: str, path: str
) -> None:
    old = f"https://www.googleapis.com{path}/b/bucket-of-primus/o"
    if path == "/storage/v1":
        assert platform.call("GET", old).json == {"kind": "storage#objects"}
    else:
        assert platform.call("POST", f"{old}?uploadType=resumable&name=o", {}).status == 200
    assert platform.call("GET", "https://www.googleapis.com/storagelike").status == 400
