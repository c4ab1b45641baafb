"""What is in a repository: seen, tagged and deleted, by whoever may."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from emulator.registry_access import Repositories
from emulator.registry_images import StoredImage

API = "https://artifactregistry.googleapis.com/v1"
NAME = "projects/primus/locations/us/repositories/images"
URL = f"{API}/{NAME}"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
FIRST, SECOND, BOTH = (f"sha256:{digit * 64}" for digit in "123")


def _manifest(size: int) -> bytes:
    layer = {"digest": f"sha256:{'f' * 64}", "size": size}
    return json.dumps({"schemaVersion": 2, "config": {**layer, "size": 2}, "layers": [layer]}).encode()


@pytest.fixture
def images(platform: Any) -> Any:
    """A repository with `app`, tagged twice, and `team/app`, an index of one manifest."""
    created = platform.call(
        "POST", f"{API}/{NAME.rpartition('/')[0]}?repositoryId=images", {"format": "DOCKER"}
    )
    assert created.status == 200, created.text
    folder = Repositories(platform.state).folder_of(NAME)
    app, nested = StoredImage(folder, "app"), StoredImage(folder, "team/app")
    app.put(FIRST, _manifest(10), MANIFEST)
    app.put(SECOND, _manifest(20), MANIFEST)
    app.tag("v1", FIRST)
    app.tag("latest", FIRST)
    nested.put(SECOND, _manifest(20), MANIFEST)
    index = {"schemaVersion": 2, "manifests": [{"digest": SECOND, "size": 9}]}
    nested.put(BOTH, json.dumps(index).encode(), INDEX)
    return platform


def test_every_manifest_is_an_image_with_its_tags_and_its_size(images: Any) -> None:
    listed = images.call("GET", f"{URL}/dockerImages").json["dockerImages"]
    host = "us-docker.pkg.dev/primus/images"
    assert {
        each["uri"]: (each["imageSizeBytes"], each["mediaType"], each.get("tags")) for each in listed
    } == {
        f"{host}/app@{FIRST}": ("12", MANIFEST, ["latest", "v1"]),
        f"{host}/app@{SECOND}": ("22", MANIFEST, None),
        f"{host}/team/app@{SECOND}": ("22", MANIFEST, None),
        f"{host}/team/app@{BOTH}": ("22", INDEX, None),
    }
    one = next(each for each in listed if each["uri"].endswith(f"team/app@{BOTH}"))
    assert one["name"] == f"{NAME}/dockerImages/team%2Fapp@{BOTH}"
    assert images.call("GET", f"{API}/{one['name']}").json == one
    assert images.call("GET", f"{URL}/dockerImages/app@{BOTH}").status == 404


def test_a_name_with_a_slash_is_escaped_or_not(images: Any) -> None:
    names = [each["name"] for each in images.call("GET", f"{URL}/packages").json["packages"]]
    assert names == [f"{NAME}/packages/app", f"{NAME}/packages/team%2Fapp"]
    wanted = [f"{names[1]}/versions/{digest}" for digest in (SECOND, BOTH)]
    for spelled in (names[1], f"{NAME}/packages/team/app"):
        versions = images.call("GET", f"{API}/{spelled}/versions").json["versions"]
        assert [each["name"] for each in versions] == wanted
    assert images.call("GET", f"{URL}/packages/other/versions").status == 404


def test_a_version_says_more_when_it_is_asked_for_all(images: Any) -> None:
    url = f"{URL}/packages/app/versions/{FIRST}"
    assert images.call("GET", url).json.keys() == {"name", "createTime", "updateTime"}
    full = images.call("GET", f"{url}?view=FULL").json
    assert [each["name"].rpartition("/")[2] for each in full["relatedTags"]] == ["latest", "v1"]
    assert full["metadata"]["imageSizeBytes"] == "12"


def test_tags_are_made_moved_listed_by_version_and_deleted(images: Any) -> None:
    package = f"{URL}/packages/app"
    version = f"{NAME}/packages/app/versions/{SECOND}"
    made = images.call("POST", f"{package}/tags?tagId=v2", {"version": version})
    assert made.json == {"name": f"{NAME}/packages/app/tags/v2", "version": version}
    assert images.call("POST", f"{package}/tags?tagId=v2", {"version": version}).status == 409
    assert images.call("POST", f"{package}/tags?tagId=-", {"version": version}).status == 400
    assert images.call("POST", f"{package}/tags?tagId=v3", {"version": version[:-1]}).status == 404
    images.call("PATCH", f"{package}/tags/latest", {"version": version})
    asked = quote(f'version="{version}"')
    of_second = images.call("GET", f"{package}/tags?filter={asked}").json["tags"]
    assert [each["name"].rpartition("/")[2] for each in of_second] == ["latest", "v2"]
    assert images.call("GET", f"{package}/tags?filter=name=v2").status == 400
    assert images.call("DELETE", f"{package}/tags/v2").json == {}
    assert images.call("GET", f"{package}/tags/v2").status == 404
    assert images.call("DELETE", f"{package}/tags/v2").status == 404


def test_a_version_with_tags_goes_only_where_the_request_insists(images: Any) -> None:
    url = f"{URL}/packages/app/versions/{FIRST}"
    refused = images.call("DELETE", url)
    assert (refused.status, refused.json["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert images.call("DELETE", f"{url}?force=true").json["done"] is True
    assert images.call("GET", url).status == 404
    assert images.call("GET", f"{URL}/packages/app/tags").json == {}
    assert images.call("DELETE", f"{URL}/packages/app/versions/{SECOND}").json["done"] is True


def test_a_version_that_an_index_has_stays(images: Any) -> None:
    url = f"{URL}/packages/team%2Fapp/versions"
    assert images.call("DELETE", f"{url}/{SECOND}?force=true").status == 400
    assert images.call("DELETE", f"{url}/{BOTH}").status == 200
    assert images.call("DELETE", f"{url}/{SECOND}").status == 200


def test_an_image_is_deleted_with_all_its_versions_and_the_operation_can_be_asked_for(images: Any) -> None:
    operation = images.call("DELETE", f"{URL}/packages/app").json
    assert images.call("GET", f"{API}/{operation['name']}").json == operation
    assert images.call("GET", f"{URL}/packages/app").status == 404
    left = images.call("GET", f"{URL}/packages").json["packages"]
    assert [each["name"] for each in left] == [f"{NAME}/packages/team%2Fapp"]


@pytest.mark.parametrize(
    ("role", "sees", "tags", "deletes"),
    [
        ("reader", True, False, False),
        ("writer", True, True, False),
        ("repoAdmin", True, True, True),
        ("", False, False, False),
    ],
)
def test_a_role_lets_do_what_it_says(images: Any, role: str, sees: bool, tags: bool, deletes: bool) -> None:
    if role:
        member = "user:operator@secundus.example"
        policy = {"bindings": [{"role": f"roles/artifactregistry.{role}", "members": [member]}]}
        assert images.call("POST", f"{URL}:setIamPolicy", {"policy": policy}).status == 200
    package = f"{URL}/packages/app"
    version = {"version": f"{NAME}/packages/app/versions/{SECOND}"}
    statuses = [
        images.call("GET", f"{URL}/dockerImages", by="operator").status,
        images.call("POST", f"{package}/tags?tagId=v9", version, by="operator").status,
        images.call("DELETE", package, by="operator").status,
    ]
    assert statuses == [200 if may else 403 for may in (sees, tags, deletes)]


def test_a_repository_is_described_anew(images: Any) -> None:
    changed = images.call(
        "PATCH", f"{URL}?updateMask=labels", {"labels": {"a": "b"}, "description": "x"}
    ).json
    assert (changed["labels"], "description" in changed) == ({"a": "b"}, False)
    described = images.call("PATCH", URL, {**changed, "description": "x"}).json  # as gcloud sends it
    assert (described["labels"], described["description"]) == ({"a": "b"}, "x")
    assert images.call("GET", URL).json == described
    assert images.call("PATCH", f"{URL}?updateMask=format", {"format": "DOCKER"}).status == 400
    assert images.call("PATCH", URL, {"cleanupPolicies": {"a": {}}}).status == 400
    assert images.call("PATCH", URL, {"description": "x"}, by="operator").status == 403
