"""The calls of every service but Cloud Storage, held against Google's own discovery documents."""

from __future__ import annotations

import re
from typing import Any

import pytest

from emulator.calls import HARMLESS, SERVICES, Service
from emulator.registry_access import Repositories
from emulator.registry_images import StoredImage
from tests.emulator.discovery import Api, read_api

APIS: dict[str, Api] = {f"{each.name} {each.version}": read_api(each.name, each.version) for each in SERVICES}
CALLS = [(service, name) for service in SERVICES for name in service.calls]
IDS = [f"{service.name} {service.version} {name}" for service, name in CALLS]
ACCOUNT = "reader@primus.iam.gserviceaccount.com"
CREATOR = "roles/iam.serviceAccountTokenCreator"
TAGGED, UNTAGGED = "sha256:" + "1" * 64, "sha256:" + "2" * 64
VERSION = f"projects/primus/locations/us/repositories/repo/packages/workload/versions/{UNTAGGED}"
SEGMENTS = {
    "projects": "primus",
    "regions": "us-west1",
    "zones": "us-west1-b",
    "instances": "vm",
    "images": "confidential-space-251001",
    "family": "confidential-space",
    "machineTypes": "n2d-standard-2",
    "serviceAccounts": ACCOUNT,
    "locations": "global",
    "workloadIdentityPools": "pool-1",
    "providers": "provider-1",
    "repositories": "repo",
    "services": "container.googleapis.com",
    "dockerImages": f"workload@{TAGGED}",
    "packages": "workload",
    "tags": "v1",
    "versions": UNTAGGED,
    "keyRings": "ring-1",
    "cryptoKeys": "key-1",
    "cryptoKeyVersions": "1",
}
MACHINE = {
    "name": "vm",
    "machineType": "zones/us-west1-b/machineTypes/n2d-standard-2",
    "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
    "disks": [
        {
            "boot": True,
            "initializeParams": {
                "sourceImage": "projects/confidential-space-images/global/images/family/confidential-space"
            },
        }
    ],
    "serviceAccounts": [{"email": ACCOUNT, "scopes": []}],
}
OIDC = {
    "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    "attributeMapping": {"google.subject": "assertion.sub"},
    "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'",
}
BODIES: dict[str, Any] = {
    "instances.insert": {**MACHINE, "name": "another"},
    "projects.serviceAccounts.create": {"accountId": "another-sa"},
    "projects.serviceAccounts.patch": {"serviceAccount": {"displayName": "x"}, "updateMask": "displayName"},
    "projects.serviceAccounts.generateAccessToken": {"scope": ["a"]},
    "projects.serviceAccounts.generateIdToken": {"audience": "a"},
    "projects.serviceAccounts.signBlob": {"payload": "YWJj"},
    "projects.serviceAccounts.signJwt": {"payload": "{}"},
    "projects.locations.workloadIdentityPools.patch": {"displayName": "x"},
    "projects.locations.workloadIdentityPools.providers.create": OIDC,
    "projects.locations.workloadIdentityPools.providers.patch": {"displayName": "x"},
    "projects.locations.repositories.create": {"format": "DOCKER"},
    "projects.locations.repositories.packages.tags.create": {"version": VERSION},
    "projects.locations.repositories.packages.tags.patch": {"version": VERSION},
    "projects.locations.repositories.patch": {"description": "x"},
    "services.batchEnable": {"serviceIds": ["container.googleapis.com"]},
    "projects.locations.keyRings.cryptoKeys.create": {"purpose": "ENCRYPT_DECRYPT"},
    "projects.locations.keyRings.cryptoKeys.patch": {"labels": {"a": "b"}},
    "projects.locations.keyRings.cryptoKeys.encrypt": {"plaintext": "YWJj", "plaintextCrc32c": "910901175"},
    "projects.locations.keyRings.cryptoKeys.updatePrimaryVersion": {"cryptoKeyVersionId": "1"},
    "projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.patch": {"state": "DISABLED"},
    "entries.list": {"resourceNames": ["projects/primus"]},
}
REQUIRED = {
    "workloadIdentityPoolId": "another-pool",
    "workloadIdentityPoolProviderId": "another-one",
    "repositoryId": "another",
    "tagId": "another",
    "keyRingId": "another",
    "cryptoKeyId": "another",
}
MASKS = {"cryptoKeys.patch": "labels", "cryptoKeyVersions.patch": "state"}
"""Of the patches that need one, by how their name ends."""
KEY = "https://cloudkms.googleapis.com/v1/projects/primus/locations/global/keyRings/ring-1/cryptoKeys/key-1"
NO_QUERY = re.compile(r"\{\w+\}")


@pytest.fixture
def there(platform: Any) -> Any:
    """All services, with one of everything; and the owner may speak for the account."""

    def made(url: str, body: Any) -> Any:
        answer = platform.call("POST", url, body)
        assert answer.status == 200, answer.text
        return answer.json

    iam = "https://iam.googleapis.com/v1/projects/primus"
    made(f"{iam}/serviceAccounts", {"accountId": "reader"})
    grant = {"bindings": [{"role": CREATOR, "members": ["user:owner@primus.example"]}]}
    made(f"{iam}/serviceAccounts/{ACCOUNT}:setIamPolicy", {"policy": grant})
    pools = f"{iam}/locations/global/workloadIdentityPools"
    made(f"{pools}?workloadIdentityPoolId=pool-1", {})
    made(f"{pools}/pool-1/providers?workloadIdentityPoolProviderId=provider-1", OIDC)
    registry = "https://artifactregistry.googleapis.com/v1/projects/primus/locations/us/repositories"
    made(f"{registry}?repositoryId=repo", {"format": "DOCKER"})
    name = "projects/primus/locations/us/repositories/repo"
    image = StoredImage(Repositories(platform.state).folder_of(name), "workload")
    for digest in (TAGGED, UNTAGGED):
        image.put(digest, b'{"schemaVersion": 2}', "application/vnd.oci.image.manifest.v1+json")
    image.tag("v1", TAGGED)
    ring = KEY.partition("/cryptoKeys/")[0]
    made(f"{ring.replace('/ring-1', '?keyRingId=ring-1')}", {})
    made(f"{ring}/cryptoKeys?cryptoKeyId=key-1", BODIES["projects.locations.keyRings.cryptoKeys.create"])
    made("https://compute.googleapis.com/compute/v1/projects/primus/zones/us-west1-b/instances", MACHINE)
    return platform


def address(service: Service, name: str, platform: Any) -> str:
    """The call's address for what is there, with every parameter that it requires."""
    path = service.calls[name].path
    if service.name == "artifactregistry":
        path = path.replace("{location}", "us")
    if service.name == "compute" and name.startswith("images."):
        path = path.replace("{project}", "confidential-space-images")
    if "{operation}" in path:
        path = path.replace("{operation}", _an_operation(service, name, platform))
    while match := NO_QUERY.search(path):
        before = path[: match.start()].rstrip("/").rpartition("/")[2]
        path = path[: match.start()] + SEGMENTS[before] + path[match.end() :]
    query = "&".join(f"{key}={REQUIRED[key]}" for key in _required(service, name))
    query += "".join(f"updateMask={mask}" for ending, mask in MASKS.items() if name.endswith(ending))
    return f"https://{service.name}.googleapis.com{path}?{query}"


def _required(service: Service, name: str) -> list[str]:
    """The required parameters of the query; the documents call some optional that no call goes without."""
    return sorted(service.calls[name].parameters & REQUIRED.keys())


def _an_operation(service: Service, name: str, platform: Any) -> str:
    """The last segment of an operation's name: of one that is begun now."""
    iam = "https://iam.googleapis.com/v1/projects/primus/locations/global/workloadIdentityPools/pool-1"
    begin = {
        "zoneOperations.get": "instances.setLabels",
        "zoneOperations.wait": "instances.setLabels",
        "operations.get": "services.enable",
        "projects.locations.operations.get": "projects.locations.repositories.create",
    }
    if "providers.operations" in name:
        answer = platform.call("PATCH", f"{iam}/providers/provider-1", {"displayName": "y"})
    elif "Pools.operations" in name:
        answer = platform.call("PATCH", iam, {"displayName": "y"})
    else:
        other = begin[name]
        body = BODIES.get(other, {})
        if other == "instances.setLabels":
            url = address(service, "instances.get", platform)
            body = {"labelFingerprint": platform.call("GET", url).json["labelFingerprint"]}
        answer = platform.call("POST", address(service, other, platform), body)
    assert answer.status == 200, answer.text
    return str(answer.json["name"]).rpartition("/")[2]


def _body(service: Service, name: str, platform: Any) -> Any:
    if service.calls[name].verb not in ("PATCH", "POST"):
        return None
    if name in ("instances.setMetadata", "instances.setLabels"):
        instance = platform.call("GET", address(service, "instances.get", platform)).json
        if name.endswith("Labels"):
            return {"labelFingerprint": instance["labelFingerprint"], "labels": {"a": "b"}}
        return {"fingerprint": instance["metadata"]["fingerprint"], "items": []}
    if name.endswith("cryptoKeys.decrypt"):
        encrypted = platform.call("POST", f"{KEY}:encrypt", {"plaintext": "YWJj"}).json
        return {field: encrypted[field] for field in ("ciphertext", "ciphertextCrc32c")}
    return BODIES.get(name, {})


@pytest.mark.parametrize(("service", "name"), CALLS, ids=IDS)
def test_a_served_call_is_one_of_googles_by_its_verb_at_its_path(service: Service, name: str) -> None:
    method, call = APIS[f"{service.name} {service.version}"].methods[name], service.calls[name]
    projects_alone = method.flat.replace("{v1Id}/{v1Id1}", "projects/{project}")
    assert (method.verb, NO_QUERY.sub("{}", projects_alone)) == (call.verb, NO_QUERY.sub("{}", call.path))
    assert call.parameters - method.optional - method.required == set()


@pytest.mark.parametrize(("service", "name"), CALLS, ids=IDS)
def test_a_served_call_answers_in_googles_types(there: Any, service: Service, name: str) -> None:
    if name in ("v1.token", "projects.serviceAccounts.undelete") or name.endswith("ools.undelete"):
        return  # tests of their own have what these need
    if name.endswith("providers.undelete"):
        there.call("DELETE", address(service, name.replace("undelete", "delete"), there))
    if name.endswith("cryptoKeyVersions.restore"):
        there.call("POST", address(service, name.replace("restore", "destroy"), there), {})
    answer = there.call(service.calls[name].verb, address(service, name, there), _body(service, name, there))
    assert answer.status == 200, answer.text
    faults = APIS[f"{service.name} {service.version}"].check_answer(name, answer.json)
    assert [fault for fault in faults if "symbolonEmulator" not in fault] == []


@pytest.mark.parametrize(("service", "name"), CALLS, ids=IDS)
def test_a_parameter_that_is_not_honoured_is_refused(platform: Any, service: Service, name: str) -> None:
    method, call = APIS[f"{service.name} {service.version}"].methods[name], service.calls[name]
    if name == "v1.token":
        return  # its parameters are in its body
    in_path = {each[1:-1] for each in NO_QUERY.findall(method.paths[0].replace("{+", "{"))}
    refused = (method.optional | method.required) - call.parameters - HARMLESS - in_path
    path = NO_QUERY.sub("x", call.path)
    for parameter in sorted(refused | {"nonsense"}):
        answer = platform.call(call.verb, f"https://{service.name}.googleapis.com{path}?{parameter}=1")
        said = answer.json["error"]["message"]
        assert (answer.status, f"does not have the parameter `{parameter}`" in said) == (400, True)


WITH_BODY = [
    (service, name)
    for service, name in CALLS
    if APIS[f"{service.name} {service.version}"].methods[name].request
    and name != "v1.token"  # of OAuth, where what is not known is ignored
    and not name.endswith("undelete")  # of what was deleted: tests of their own
]


@pytest.mark.parametrize(
    ("service", "name"), WITH_BODY, ids=[f"{each.name} {each.version} {name}" for each, name in WITH_BODY]
)
def test_a_field_that_is_not_honoured_is_refused(there: Any, service: Service, name: str) -> None:
    body = {**_body(service, name, there), "nonsense": "x"}
    answer = there.call(service.calls[name].verb, address(service, name, there), body)
    assert answer.status == 400
    assert "nonsense" in answer.json["error"]["message"]
