"""Images into the registry and out of it, by digest, over the distribution protocol."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from google.auth.transport.requests import AuthorizedSession

HOST = "https://us-docker.pkg.dev"
API = "https://artifactregistry.googleapis.com/v1/projects/primus/locations/us/repositories"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG, LAYER = b'{"architecture":"amd64"}', b"layer" * 50_000
OPERATOR = "user:operator@secundus.example"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Repository:
    """A fresh repository of the owner's, and the address of an image in it."""

    resource: str
    path: str
    session: Any

    @property
    def url(self) -> str:
        return f"{HOST}/v2/{self.path}"

    def push_blob(self, data: bytes) -> None:
        begun = self.session.post(f"{self.url}/blobs/uploads/")
        assert begun.status_code == 202, begun.text
        ended = self.session.put(HOST + begun.headers["location"] + f"?digest={digest_of(data)}", data)
        assert ended.status_code == 201, ended.text

    def push_manifest(self, manifest: bytes, reference: str, kind: str = MANIFEST) -> requests.Response:
        answer: requests.Response = self.session.put(
            f"{self.url}/manifests/{reference}", manifest, headers={"content-type": kind}
        )
        return answer


@pytest.fixture
def repository(session_of: Callable[[str], AuthorizedSession]) -> Repository:
    session = session_of("owner")
    name = f"r-{uuid.uuid4().hex[:12]}"
    answer = session.post(f"{API}?repositoryId={name}", json={"format": "DOCKER"})
    assert answer.json()["done"], answer.text
    return Repository(f"{API}/{name}", f"primus/{name}/a/workload", session)


def manifest_of(config: bytes = CONFIG, layer: bytes = LAYER) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"digest": digest_of(config), "size": len(config)},
            "layers": [{"digest": digest_of(layer), "size": len(layer)}],
        }
    ).encode()


@pytest.fixture
def pushed(repository: Repository) -> Repository:
    """The repository with one image, tagged `latest`."""
    repository.push_blob(CONFIG)
    repository.push_blob(LAYER)
    answer = repository.push_manifest(manifest_of(), "latest")
    assert answer.status_code == 201, answer.text
    assert answer.headers["docker-content-digest"] == digest_of(manifest_of())
    return repository


def errors(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("reference", ["latest", digest_of(manifest_of())])
def test_an_image_is_pulled_by_tag_and_by_digest(pushed: Repository, reference: str) -> None:
    manifest = pushed.session.get(f"{pushed.url}/manifests/{reference}")
    assert manifest.content == manifest_of()
    assert manifest.headers["content-type"] == MANIFEST
    assert manifest.headers["docker-content-digest"] == digest_of(manifest_of())
    for data in (CONFIG, LAYER):
        assert pushed.session.get(f"{pushed.url}/blobs/{digest_of(data)}").content == data


def test_a_head_says_what_a_get_would(pushed: Repository) -> None:
    manifest = pushed.session.head(f"{pushed.url}/manifests/latest")
    assert manifest.headers["content-length"] == str(len(manifest_of()))
    blob = pushed.session.head(f"{pushed.url}/blobs/{digest_of(LAYER)}")
    assert (blob.headers["content-length"], blob.content) == (str(len(LAYER)), b"")


def test_a_blob_is_read_in_ranges(pushed: Repository) -> None:
    url = f"{pushed.url}/blobs/{digest_of(LAYER)}"
    part = pushed.session.get(url, headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, LAYER[5:10])
    assert pushed.session.get(url, headers={"range": f"bytes={len(LAYER)}-"}).status_code == 416


def test_a_tag_moves_and_the_digest_stays(pushed: Repository) -> None:
    other = manifest_of(layer=CONFIG)
    assert pushed.push_manifest(other, "latest").status_code == 201
    assert pushed.push_manifest(other, "v2").status_code == 201
    assert pushed.session.get(f"{pushed.url}/manifests/latest").content == other
    by_digest = pushed.session.get(f"{pushed.url}/manifests/{digest_of(manifest_of())}")
    assert by_digest.content == manifest_of()
    tags = pushed.session.get(f"{pushed.url}/tags/list").json()
    assert tags == {"name": pushed.path, "tags": ["latest", "v2"]}


def test_an_index_refers_to_manifests_that_are_there(pushed: Repository) -> None:
    index: dict[str, Any] = {"schemaVersion": 2, "manifests": [{"digest": digest_of(manifest_of())}]}
    assert pushed.push_manifest(json.dumps(index).encode(), "multi", INDEX).status_code == 201
    index["manifests"].append({"digest": digest_of(b"none")})
    refused = pushed.push_manifest(json.dumps(index).encode(), "multi", INDEX)
    assert errors(refused) == (400, "MANIFEST_BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("manifest", "reference", "kind", "code"),
    [
        (manifest_of(layer=b"never pushed"), "latest", MANIFEST, "MANIFEST_BLOB_UNKNOWN"),
        (manifest_of(config=b"never pushed"), "latest", MANIFEST, "MANIFEST_BLOB_UNKNOWN"),
        (manifest_of(), digest_of(b"another"), MANIFEST, "DIGEST_INVALID"),
        (manifest_of(), "-latest", MANIFEST, "TAG_INVALID"),
        (manifest_of(), "latest", INDEX, "MANIFEST_INVALID"),
        (b"not json", "latest", MANIFEST, "MANIFEST_INVALID"),
        (b"[]", "latest", MANIFEST, "MANIFEST_INVALID"),
        (b'{"schemaVersion": 1}', "latest", MANIFEST, "MANIFEST_INVALID"),
        (b'{"schemaVersion": 2, "layers": [{}]}', "latest", MANIFEST, "MANIFEST_INVALID"),
        (b'{"schemaVersion": 2, "layers": {}}', "latest", MANIFEST, "MANIFEST_INVALID"),
    ],
)
def test_a_wrong_manifest_is_refused(
    pushed: Repository, manifest: bytes, reference: str, kind: str, code: str
) -> None:
    assert errors(pushed.push_manifest(manifest, reference, kind)) == (400, code)
    assert pushed.session.get(f"{pushed.url}/manifests/latest").content == manifest_of()


def test_a_manifest_of_more_than_4_mib_is_refused(repository: Repository) -> None:
    assert errors(repository.push_manifest(b" " * (4 * 2**20 + 1), "latest")) == (413, "SIZE_INVALID")


def test_a_blob_comes_in_chunks(repository: Repository) -> None:
    begun = repository.session.post(f"{repository.url}/blobs/uploads/")
    location = HOST + begun.headers["location"]
    first = repository.session.patch(location, LAYER[:100], headers={"content-range": "0-99"})
    assert (first.status_code, first.headers["range"]) == (202, "0-99")
    assert repository.session.get(location).headers["range"] == "0-99"
    hole = repository.session.patch(location, b"x", headers={"content-range": "200-200"})
    assert errors(hole) == (416, "RANGE_INVALID")
    repository.session.patch(location, LAYER[100:])
    assert repository.session.put(f"{location}?digest={digest_of(LAYER)}").status_code == 201
    assert repository.session.get(f"{repository.url}/blobs/{digest_of(LAYER)}").content == LAYER


def test_a_blob_comes_in_one_request(repository: Repository) -> None:
    url = f"{repository.url}/blobs/uploads/?digest={digest_of(LAYER)}"
    assert repository.session.post(url, LAYER).status_code == 201
    assert repository.session.head(f"{repository.url}/blobs/{digest_of(LAYER)}").status_code == 200


def test_a_blob_that_is_not_what_it_should_be_is_refused(repository: Repository) -> None:
    url = f"{repository.url}/blobs/uploads/?digest={digest_of(LAYER)}"
    assert errors(repository.session.post(url, LAYER[1:])) == (400, "DIGEST_INVALID")
    assert repository.session.head(f"{repository.url}/blobs/{digest_of(LAYER)}").status_code == 404


def test_a_cancelled_push_is_over(repository: Repository) -> None:
    location = HOST + repository.session.post(f"{repository.url}/blobs/uploads/").headers["location"]
    assert repository.session.delete(location).status_code == 204
    assert errors(repository.session.patch(location, b"x")) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_blob_is_mounted_from_a_repository_that_one_may_read(
    pushed: Repository, session_of: Callable[[str], AuthorizedSession]
) -> None:
    other = f"{pushed.resource.rpartition('/')[2]}-2"
    pushed.session.post(f"{API}?repositoryId={other}", json={"format": "DOCKER"})
    url = f"{HOST}/v2/primus/{other}/image"
    mount = f"{url}/blobs/uploads/?mount={digest_of(LAYER)}&from="
    assert pushed.session.post(mount + pushed.path).status_code == 201
    assert pushed.session.get(f"{url}/blobs/{digest_of(LAYER)}").content == LAYER
    assert pushed.session.post(mount + "primus/none/image").status_code == 202


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("manifests/none", (404, "MANIFEST_UNKNOWN")),
        ("manifests/" + digest_of(b"none"), (404, "MANIFEST_UNKNOWN")),
        ("manifests/sha256:..%2F..", (400, "UNSUPPORTED")),
        ("blobs/" + digest_of(b"none"), (404, "BLOB_UNKNOWN")),
        ("blobs/sha256:short", (404, "BLOB_UNKNOWN")),
    ],
)
def test_what_is_not_there_is_unknown(pushed: Repository, path: str, expected: tuple[int, str]) -> None:
    assert errors(pushed.session.get(f"{pushed.url}/{path}")) == expected


@pytest.mark.parametrize("name", ["primus/r", "primus/../x/y", "primus/r/UPPER", "primus/r/.", "primus//x"])
def test_a_name_that_no_image_may_have_is_refused(repository: Repository, name: str) -> None:
    request = requests.Request("GET", f"{HOST}/v2/x/manifests/latest").prepare()
    request.url = f"{HOST}/v2/{name}/manifests/latest"  # requests would normalise it
    repository.session.credentials.before_request(None, "GET", request.url, request.headers)
    answer = repository.session.send(
        request, proxies={"https": os.environ["HTTPS_PROXY"]}, verify=os.environ["REQUESTS_CA_BUNDLE"]
    )
    assert errors(answer) == (400, "NAME_INVALID")


def test_a_stranger_can_neither_pull_nor_push(
    pushed: Repository, session_of: Callable[[str], AuthorizedSession]
) -> None:
    operator = session_of("operator")
    refused = operator.get(f"{pushed.url}/manifests/latest")
    resource = pushed.resource.removeprefix("https://artifactregistry.googleapis.com/v1/")
    message = (
        f'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "{resource}" '
        "(or it may not exist)"
    )
    assert refused.status_code == 403
    assert refused.json() == {"errors": [{"code": "DENIED", "message": message}]}
    assert errors(operator.post(f"{pushed.url}/blobs/uploads/")) == (403, "DENIED")
    assert errors(operator.get(f"{HOST}/v2/primus/none/image/manifests/latest")) == (403, "DENIED")


def test_a_reader_pulls_but_does_not_push(
    pushed: Repository, session_of: Callable[[str], AuthorizedSession]
) -> None:
    policy = pushed.session.get(f"{pushed.resource}:getIamPolicy").json()
    policy["bindings"].append({"role": "roles/artifactregistry.reader", "members": [OPERATOR]})
    answer = pushed.session.post(f"{pushed.resource}:setIamPolicy", json={"policy": policy})
    assert answer.status_code == 200
    operator = session_of("operator")
    assert operator.get(f"{pushed.url}/manifests/latest").content == manifest_of()
    assert errors(operator.post(f"{pushed.url}/blobs/uploads/")) == (403, "DENIED")


def test_an_unknown_repository_is_unknown_to_whoever_may_know(repository: Repository) -> None:
    answer = repository.session.get(f"{HOST}/v2/primus/none/image/manifests/latest")
    assert errors(answer) == (404, "NAME_UNKNOWN")


USERS = pytest.mark.parametrize(
    "user", ["oauth2accesstoken", "_token", "_dcgcloud_token", "_dcgcr_2_1_5_token"]
)


@USERS
def test_a_client_is_told_where_to_get_a_token_and_gets_one(pushed: Repository, user: str) -> None:
    for url in (f"{HOST}/v2/", f"{pushed.url}/manifests/latest"):
        challenge = requests.get(url, timeout=9)
        assert errors(challenge) == (401, "UNAUTHORIZED")
        assert challenge.headers["www-authenticate"] == (
            f'Bearer realm="{HOST}/v2/token",service="us-docker.pkg.dev"'
        )
    password = (user, pushed.session.credentials.token)
    scope = {"service": "us-docker.pkg.dev", "scope": f"repository:{pushed.path}:pull"}
    token = requests.get(f"{HOST}/v2/token", scope, auth=password, timeout=9).json()["token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert requests.get(f"{HOST}/v2/", headers=bearer, timeout=9).status_code == 200
    pulled = requests.get(f"{pushed.url}/manifests/latest", headers=bearer, timeout=9)
    assert pulled.content == manifest_of()


@USERS
def test_an_access_token_is_a_password(pushed: Repository, user: str) -> None:
    password = (user, pushed.session.credentials.token)
    pulled = requests.get(f"{pushed.url}/manifests/latest", auth=password, timeout=9)
    assert pulled.content == manifest_of()


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer nonsense",
        "Basic nonsense",
        "Basic " + base64.b64encode(b"oauth2accesstoken:nonsense").decode(),
        "Digest x",
    ],
)
def test_a_wrong_credential_is_refused(pushed: Repository, authorization: str) -> None:
    headers = {"authorization": authorization}
    answer = requests.get(f"{pushed.url}/manifests/latest", headers=headers, timeout=9)
    assert errors(answer) == (401, "UNAUTHORIZED")
    assert "www-authenticate" in answer.headers


def test_a_repository_is_there_once_listed_and_deleted_with_its_images(pushed: Repository) -> None:
    name = pushed.resource.rpartition("/")[2]
    again = pushed.session.post(f"{API}?repositoryId={name}", json={"format": "DOCKER"})
    assert (again.status_code, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    resource = pushed.session.get(pushed.resource).json()
    assert resource["name"] == f"projects/primus/locations/us/repositories/{name}"
    assert resource in pushed.session.get(API).json()["repositories"]
    assert pushed.session.delete(pushed.resource).json()["done"]
    assert pushed.session.get(pushed.resource).status_code == 404
    pushed.session.post(f"{API}?repositoryId={name}", json={"format": "DOCKER"})
    assert errors(pushed.session.get(f"{pushed.url}/manifests/latest")) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    ("query", "document", "status"),
    [
        ("?repositoryId=UPPER", {"format": "DOCKER"}, 400),
        ("", {"format": "DOCKER"}, 400),
        ("?repositoryId=npm", {"format": "NPM"}, 400),
        ("?repositoryId=mirror", {"format": "DOCKER", "mode": "REMOTE_REPOSITORY"}, 400),
        ("?repositoryId=tidy", {"format": "DOCKER", "cleanupPolicies": {"x": {}}}, 400),
    ],
)
def test_a_wrong_repository_is_refused(
    session_of: Callable[[str], AuthorizedSession], query: str, document: dict[str, Any], status: int
) -> None:
    assert session_of("owner").post(API + query, json=document).status_code == status


def test_nobody_makes_a_repository_in_anothers_project(
    session_of: Callable[[str], AuthorizedSession],
) -> None:
    answer = session_of("operator").post(API + "?repositoryId=mine", json={"format": "DOCKER"})
    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_permissions_on_a_repository_are_tested(repository: Repository) -> None:
    pull = "artifactregistry.repositories.downloadArtifacts"
    asked = {"permissions": [pull, "artifactregistry.repositories.none"]}
    answer = repository.session.post(f"{repository.resource}:testIamPermissions", json=asked)
    assert answer.json() == {"permissions": [pull]}


def test_a_repository_is_somewhere_and_its_making_can_be_asked_for(
    session_of: Callable[[str], AuthorizedSession],
) -> None:
    session, name = session_of("owner"), f"r-{uuid.uuid4().hex}"
    nowhere = API.replace("locations/us", "locations/mars")
    assert session.post(f"{nowhere}?repositoryId={name}", json={"format": "DOCKER"}).status_code == 400
    operation = session.post(f"{API}?repositoryId={name}", json={"format": 1, "mode": 1 - 1}).json()
    host = "https://artifactregistry.googleapis.com/v1"
    assert session.get(f"{host}/{operation['name']}").json() == operation
    assert session.get(f"{host}/{operation['name']}0").status_code == 404
    assert operation["response"]["format"] == "DOCKER"
    everywhere = session.get(API.replace("locations/us", "locations/-")).json()["repositories"]
    assert operation["response"]["name"] in [each["name"] for each in everywhere]
    page = session.get(f"{API}?pageSize=1").json()
    assert len(page["repositories"]) == 1


def test_locations_are_listed(session_of: Callable[[str], AuthorizedSession]) -> None:
    locations = API.removesuffix("/us/repositories")
    found = {each["locationId"] for each in session_of("owner").get(locations).json()["locations"]}
    assert {"us", "europe", "asia", "us-west1"} <= found
    one = session_of("owner").get(f"{locations}/us-west1").json()
    assert one["name"] == "projects/primus/locations/us-west1"
    assert session_of("owner").get(f"{locations}/mars").status_code == 400
    assert session_of("operator").get(locations).status_code == 403


def test_a_tag_is_deleted_and_then_the_manifest(pushed: Repository) -> None:
    by_digest = f"{pushed.url}/manifests/{digest_of(manifest_of())}"
    assert errors(pushed.session.delete(by_digest)) == (400, "GOOGLE_MANIFEST_DANGLING_TAG")
    assert pushed.session.delete(f"{pushed.url}/manifests/latest").status_code == 202
    assert errors(pushed.session.get(f"{pushed.url}/manifests/latest")) == (404, "MANIFEST_UNKNOWN")
    assert pushed.session.delete(by_digest).status_code == 202
    assert errors(pushed.session.delete(by_digest)) == (404, "MANIFEST_UNKNOWN")


def test_a_manifest_that_an_index_has_is_not_deleted(pushed: Repository) -> None:
    child = {"mediaType": MANIFEST, "digest": digest_of(manifest_of()), "size": len(manifest_of())}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).encode()
    assert pushed.push_manifest(index, "all", INDEX).status_code == 201
    assert pushed.session.delete(f"{pushed.url}/manifests/latest").status_code == 202
    refused = pushed.session.delete(f"{pushed.url}/manifests/{child['digest']}")
    assert errors(refused) == (400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE")
