"""One launch from end to end, through the gateway, with Google's own clients."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import textwrap
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.auth.transport.requests import AuthorizedSession

from emulator.faults import Trouble
from emulator.running import Running
from emulator.vm import sandbox

_IAM = "https://iam.googleapis.com/v1"
_REGISTRY = "https://us-docker.pkg.dev/v2/primus/repo/workload"
_ZONE = "https://compute.googleapis.com/compute/v1/projects/secundus/zones/us-west1-b"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_WORKLOAD = "workload-sa@secundus.iam.gserviceaccount.com"

_PROGRAM = """
import json, os, sys
import google.auth, google.auth.transport.requests
from google.auth import identity_pool

class Supplier(identity_pool.SubjectTokenSupplier):
    def get_subject_token(self, context, request):
        import http.client, socket
        connection = http.client.HTTPConnection("launcher")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect("/run/container_launcher/teeserver.sock")
        body = json.dumps({"audience": "https:" + os.environ["AUDIENCE"], "token_type": "OIDC"})
        connection.request("POST", "/v1/token", body)
        return connection.getresponse().read().decode()

request = google.auth.transport.requests.Request()
mine, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
mine.refresh(request)
print("I am", mine.service_account_email, "in", project, flush=True)
url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
theirs = identity_pool.Credentials(
    audience=os.environ["AUDIENCE"],
    subject_token_type="urn:ietf:params:oauth:token-type:jwt",
    token_url="https://sts.googleapis.com/v1/token",
    subject_token_supplier=Supplier(),
    service_account_impersonation_url=url + os.environ["ACCOUNT"] + ":generateAccessToken",
    scopes=["https://www.googleapis.com/auth/cloud-platform"],
)
try:
    theirs.refresh(request)
except google.auth.exceptions.OAuthError as error:
    print("refused:", error.args[0], flush=True)
    sys.exit(4)
print("I speak for", theirs.service_account_email, flush=True)
"""


@pytest.fixture
def owner(session_of: Callable[[str], AuthorizedSession]) -> AuthorizedSession:
    return session_of("owner")


@pytest.fixture
def operator(session_of: Callable[[str], AuthorizedSession]) -> AuthorizedSession:
    return session_of("operator")


def _done(response: requests.Response) -> Any:
    assert response.ok, response.text
    return response.json() if response.content else {}


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _push(owner: Any, program: str) -> str:
    """An image with that program as `/app/main.py` is in the registry; its digest."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as layer:
        data = textwrap.dedent(program).encode()
        member = tarfile.TarInfo("app/main.py")
        member.size = len(data)
        layer.addfile(member, io.BytesIO(data))
    blob = gzip.compress(archive.getvalue(), mtime=0)
    labels = {
        "tee.launch_policy.log_redirect": "always",
        "tee.launch_policy.allow_env_override": "AUDIENCE,ACCOUNT",
    }
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [_digest(archive.getvalue())]},
            "config": {
                "Entrypoint": ["python", "main.py"],
                "Env": ["PATH=/usr/bin", "PYTHONDONTWRITEBYTECODE=1"],
                "WorkingDir": "/app",
                "User": "65532:65532",
                "Labels": labels,
            },
        }
    ).encode()
    for data in (blob, config):
        upload = owner.post(f"{_REGISTRY}/blobs/uploads/").headers["location"]
        url = requests.compat.urljoin(_REGISTRY, upload)
        _done(owner.put(url, params={"digest": _digest(data)}, data=data))
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": _digest(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": _digest(blob),
                    "size": len(blob),
                }
            ],
        }
    ).encode()
    _done(owner.put(f"{_REGISTRY}/manifests/v1", data=manifest, headers={"content-type": _MANIFEST}))
    return _digest(manifest)


@pytest.fixture
def parties(owner: Any, operator: Any) -> dict[str, str]:
    """Both parties have what a launch needs; the pool is new, since a deleted one stays taken."""
    ids = {"pool": f"pool-{uuid.uuid4().hex[:8]}", "account": f"owner-sa-{uuid.uuid4().hex[:8]}"}
    accounts = f"{_IAM}/projects/secundus/serviceAccounts"
    if not operator.get(f"{accounts}/{_WORKLOAD}").ok:
        _done(operator.post(accounts, json={"accountId": "workload-sa"}))
    url = "https://cloudresourcemanager.googleapis.com/v3/projects/secundus"
    policy = _done(operator.post(f"{url}:getIamPolicy", json={}))
    policy["bindings"].append(
        {"role": "roles/confidentialcomputing.workloadUser", "members": [f"serviceAccount:{_WORKLOAD}"]}
    )
    _done(operator.post(f"{url}:setIamPolicy", json={"policy": policy}))
    registry = "https://artifactregistry.googleapis.com/v1/projects/primus/locations/us/repositories"
    if not owner.get(f"{registry}/repo").ok:
        _done(owner.post(registry, params={"repositoryId": "repo"}, json={"format": "DOCKER"}))
    readers = [{"role": "roles/artifactregistry.reader", "members": [f"serviceAccount:{_WORKLOAD}"]}]
    _done(owner.post(f"{registry}/repo:setIamPolicy", json={"policy": {"bindings": readers}}))
    _done(owner.post(f"{_IAM}/projects/primus/serviceAccounts", json={"accountId": ids["account"]}))
    ids["email"] = f"{ids['account']}@primus.iam.gserviceaccount.com"
    ids["name"] = f"projects/100000000001/locations/global/workloadIdentityPools/{ids['pool']}"
    return ids


def _trust(owner: Any, parties: dict[str, str], digest: str) -> str:
    """The owner admits that image on production VMs; the provider's audience."""
    pools = f"{_IAM}/projects/primus/locations/global/workloadIdentityPools"
    _done(owner.post(pools, params={"workloadIdentityPoolId": parties["pool"]}, json={}))
    provider = {
        "attributeMapping": {
            "google.subject": "assertion.submods.gce.instance_id",
            "attribute.image_digest": "assertion.submods.container.image_digest",
        },
        "attributeCondition": 'assertion.dbgstat == "disabled-since-boot"',
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    query = {"workloadIdentityPoolProviderId": "prov"}
    _done(owner.post(f"{pools}/{parties['pool']}/providers", params=query, json=provider))
    member = f"principalSet://iam.googleapis.com/{parties['name']}/attribute.image_digest/{digest}"
    policy = {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]}
    url = f"{_IAM}/projects/primus/serviceAccounts/{parties['email']}:setIamPolicy"
    _done(owner.post(url, json={"policy": policy}))
    return f"//iam.googleapis.com/{parties['name']}/providers/prov"


def _launch(
    operator: Any, metadata: dict[str, str], *, family: str = "confidential-space"
) -> tuple[Any, str]:
    """The instance when its launcher has ended, and its serial output; it is deleted again."""
    name = f"vm-{uuid.uuid4().hex[:8]}"
    image = f"projects/confidential-space-images/global/images/family/{family}"
    body = {
        "name": name,
        "machineType": "zones/us-west1-b/machineTypes/n2d-standard-2",
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "scheduling": {"onHostMaintenance": "TERMINATE"},
        "disks": [{"boot": True, "initializeParams": {"sourceImage": image}}],
        "serviceAccounts": [
            {"email": _WORKLOAD, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}
        ],
        "metadata": {
            "items": [
                {"key": key, "value": value}
                for key, value in {"tee-container-log-redirect": "true", **metadata}.items()
            ]
        },
    }
    _done(operator.post(f"{_ZONE}/instances", json=body))
    deadline = time.monotonic() + 30
    while (
        "launcherExitCode"
        not in (instance := _done(operator.get(f"{_ZONE}/instances/{name}")))["symbolonEmulator"]
    ):
        assert time.monotonic() < deadline, "the launcher has not ended"
        time.sleep(0.05)
    serial = _done(operator.get(f"{_ZONE}/instances/{name}/serialPort"))["contents"]
    _done(operator.delete(f"{_ZONE}/instances/{name}"))
    return instance, serial


@pytest.mark.skipif(
    bool(sandbox.why_not_bubblewrap()), reason=f"no bubblewrap container here: {sandbox.why_not_bubblewrap()}"
)
def test_an_admitted_image_speaks_for_the_owners_account_and_a_debug_vm_does_not(
    owner: Any, operator: Any, parties: dict[str, str], emulator: Running
) -> None:
    digest = _push(owner, _PROGRAM)
    metadata = {
        "tee-image-reference": "us-docker.pkg.dev/primus/repo/workload:v1",
        "tee-env-AUDIENCE": _trust(owner, parties, digest),
        "tee-env-ACCOUNT": parties["email"],
    }
    instance, serial = _launch(operator, metadata)
    assert f"image_digest={digest}" in serial
    assert f"I am {_WORKLOAD} in secundus" in serial
    assert f"I speak for {parties['email']}" in serial
    assert (instance["status"], instance["symbolonEmulator"]["workloadExitCode"]) == ("TERMINATED", 0)

    instance, serial = _launch(operator, metadata, family="confidential-space-debug")
    assert (instance["status"], instance["symbolonEmulator"]["workloadExitCode"]) == ("RUNNING", 4)
    words = "The given credential is rejected by the attribute condition."
    assert f"refused: Error code unauthorized_client: {words}" in serial
    assert not list((emulator.folder / "instances" / "secundus").iterdir())


def test_an_image_that_is_not_there_or_not_what_it_was_is_not_launched(
    owner: Any, operator: Any, parties: dict[str, str], emulator: Running
) -> None:
    absent = "us-docker.pkg.dev/primus/repo/absent:v1"
    instance, serial = _launch(operator, {"tee-image-reference": absent, "tee-restart-policy": "Always"})
    assert instance["symbolonEmulator"] == {
        "sandbox": sandbox.best_kind(),
        "launcherExitCode": 1,
        "workloadExitCode": None,
    }
    assert f'cannot pull the image: failed to resolve reference \\"{absent}\\": {absent}: not found' in serial

    digest = _push(owner, "print('the real one')")
    reference = f"us-docker.pkg.dev/primus/repo/workload@{digest}"
    for path in emulator.folder.rglob(digest.removeprefix("sha256:")):
        path.write_bytes(path.read_bytes().replace(b'"schemaVersion": 2', b'"schemaVersion": 3'))
    _, serial = _launch(operator, {"tee-image-reference": reference})
    assert "cannot pull the image: the manifest's digest is sha256:" in serial
    assert "workload task started" not in serial


def test_the_real_iam_credentials_client_gets_a_token(
    owner: Any, parties: dict[str, str], credentials_of: Callable[[str], Any]
) -> None:
    from google.cloud import iam_credentials_v1

    policy = {
        "bindings": [
            {"role": "roles/iam.serviceAccountTokenCreator", "members": ["user:owner@primus.example"]}
        ]
    }
    url = f"{_IAM}/projects/primus/serviceAccounts/{parties['email']}:setIamPolicy"
    _done(owner.post(url, json={"policy": policy}))
    client = iam_credentials_v1.IAMCredentialsClient(credentials=credentials_of("owner"), transport="rest")
    with client:
        answer = client.generate_access_token(
            name=f"projects/-/serviceAccounts/{parties['email']}",
            scope=["https://www.googleapis.com/auth/cloud-platform"],
        )
    assert answer.access_token.startswith("ya29.")


@pytest.mark.parametrize("how", ["429", "500", "503", "reset"])
def test_an_image_that_the_registry_does_not_give_is_measured_once_it_does(
    owner: Any, operator: Any, parties: dict[str, str], faults: Callable[..., None], how: Any
) -> None:
    digest = _push(owner, "print('the real one')")
    reference = {"tee-image-reference": f"us-docker.pkg.dev/primus/repo/workload@{digest}"}
    faults(Trouble(call="registry", how=how, times=99))
    instance, serial = _launch(operator, reference)
    ended = instance["symbolonEmulator"]
    assert (ended["launcherExitCode"], ended["workloadExitCode"]) == (1, None)
    assert serial.count("cannot pull the image") == 1
    faults()
    _, serial = _launch(operator, reference)
    assert f"image_digest={digest}" in serial
