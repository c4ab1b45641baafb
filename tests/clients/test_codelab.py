"""Google's tutorial on protecting a model, from its first line to its last, typed by its two parties.

Real gcloud, gsutil and skopeo; a sequential sample like the tutorial's; then the same with an image that
the owner did not allow, and the clean-up. The names of resources are the tutorial's own.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

import numpy
import pytest
from PIL import Image

from emulator import running
from emulator.running import Running
from emulator.vm import sandbox
from tests.clients.conftest import Shell, shell_in_front_of
from tests.clients.sample import program, write_layout

_SKOPEO = ("--insecure-policy",)
_ZONE = "us-west1-b"
_MODELS, _PICTURES, _RESULTS = "primus-input-bucket", "secundus-input-bucket", "secundus-result-bucket"
_OWNERS_ACCOUNT = "primus-sa@primus.iam.gserviceaccount.com"
_WORKLOAD_ACCOUNT = "workload-sa@secundus.iam.gserviceaccount.com"
_POOL = "projects/100000000001/locations/global/workloadIdentityPools/primus-wip"
_IMAGE = "us-docker.pkg.dev/primus/primus-artifact-repo/workload-container:latest"
_OTHER_IMAGE = "us-docker.pkg.dev/secundus/secundus-artifact-repo/workload-container:latest"
_ENDS_WITHIN_S = 400
_CONDITION = " && ".join(
    (
        "assertion.swname == 'CONFIDENTIAL_SPACE'",
        "'STABLE' in assertion.submods.confidential_space.support_attributes",
        f"assertion.submods.container.image_reference == '{_IMAGE}'",
        f"'{_WORKLOAD_ACCOUNT}' in assertion.google_service_accounts",
    )
)

pytestmark = pytest.mark.skipif(
    bool(sandbox.why_not_bubblewrap()),
    reason=f"the sample wants a container's paths, and here is none: {sandbox.why_not_bubblewrap()}",
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Two shells in front of one emulator."""

    emulator: Running
    owner: Shell
    operator: Shell
    folder: Path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An emulator of the story's own, since its names are everybody's."""
    emulator = running.start(tmp_path / "state")
    owner, operator = (shell_in_front_of(emulator, party, tmp_path) for party in ("owner", "operator"))
    yield Stage(emulator=emulator, owner=owner, operator=operator, folder=tmp_path)
    emulator.stop()


def test_the_tutorial_from_its_first_line_to_its_last(stage: Stage) -> None:
    at_once(stage, the_owner_sets_up, the_operator_sets_up)
    the_owner_publishes(stage)
    assert the_workload_runs(stage, _IMAGE) == "blue.png: [2, 1]\nred.png: [0, 1]"
    the_operator_changes_the_image(stage)
    refused = the_workload_runs(stage, _OTHER_IMAGE)
    assert "unauthorized_client" in refused
    assert "The given credential is rejected by the attribute condition." in refused
    at_once(stage, the_owner_removes_everything, the_operator_removes_everything)


def at_once(stage: Stage, *parties: Callable[[Stage], None]) -> None:
    """Each did its part, while the other did; most of the minutes are gcloud's own start."""
    with ThreadPoolExecutor(len(parties)) as pool:
        for done in [pool.submit(party, stage) for party in parties]:
            done.result()


def the_owner_sets_up(stage: Stage) -> None:
    """A bucket with a model, an account that reads it, and a pool that may be that account."""
    owner = stage.owner
    owner.run("gcloud", "services", "enable", "iam.googleapis.com", "cloudkms.googleapis.com")
    assert owner.run("gsutil", "ls") == ""
    owner.run("gsutil", "mb", f"gs://{_MODELS}")
    assert owner.run("gsutil", "ls") == f"gs://{_MODELS}/\n"
    archive = stage.folder / "model.tar.gz"
    write_model(archive)
    owner.run("gsutil", "cp", archive, f"gs://{_MODELS}")
    owner.run("gcloud", "iam", "service-accounts", "create", "primus-sa")
    owner.run("gcloud", "iam", "workload-identity-pools", "create", "primus-wip", "--location=global")
    for role in ("legacyBucketReader", "objectViewer"):
        owner.run("gsutil", "iam", "ch", f"serviceAccount:{_OWNERS_ACCOUNT}:{role}", f"gs://{_MODELS}")
    number = owner.run("gcloud", "projects", "describe", "primus", "--format=value(projectNumber)").strip()
    assert number == "100000000001"
    owner.run(
        *("gcloud", "iam", "service-accounts", "add-iam-policy-binding", _OWNERS_ACCOUNT),
        *(f"--member=principalSet://iam.googleapis.com/{_POOL}/*", "--role=roles/iam.workloadIdentityUser"),
    )


def the_operator_sets_up(stage: Stage) -> None:
    """Two buckets, pictures in one of them, and the account that the workload is."""
    operator = stage.operator
    for bucket in (_PICTURES, _RESULTS):
        operator.run("gsutil", "mb", f"gs://{bucket}")
    for name, colour in (("red", (200, 60, 10)), ("blue", (10, 60, 200))):
        Image.new("RGB", (32, 24), colour).save(stage.folder / f"{name}.png")
    pictures = [stage.folder / "red.png", stage.folder / "blue.png"]
    operator.run("gsutil", "-m", "cp", *pictures, f"gs://{_PICTURES}/")
    operator.run("gcloud", "iam", "service-accounts", "create", "workload-sa")
    me = operator.run("gcloud", "config", "get-value", "account").strip()
    operator.run(
        *("gcloud", "iam", "service-accounts", "add-iam-policy-binding", _WORKLOAD_ACCOUNT),
        *(f"--member=user:{me}", "--role=roles/iam.serviceAccountUser"),
    )
    for role in ("roles/confidentialcomputing.workloadUser", "roles/logging.logWriter"):
        operator.run(
            *("gcloud", "projects", "add-iam-policy-binding", "secundus"),
            *(f"--member=serviceAccount:{_WORKLOAD_ACCOUNT}", f"--role={role}"),
        )
    for role, bucket in (("objectViewer", _PICTURES), ("objectUser", _RESULTS)):
        operator.run("gsutil", "iam", "ch", f"serviceAccount:{_WORKLOAD_ACCOUNT}:{role}", f"gs://{bucket}")


def the_owner_publishes(stage: Stage) -> None:
    """The image, which the operator's account may pull, and the provider that admits it alone."""
    publish(stage.owner, "primus", stage.folder / "image", comment="# as published\n")
    stage.owner.run(
        *("gcloud", "iam", "workload-identity-pools", "providers", "create-oidc", "primus-wip-provider"),
        *("--location=global", "--workload-identity-pool=primus-wip", "--project=primus"),
        "--issuer-uri=https://confidentialcomputing.googleapis.com/",
        "--allowed-audiences=https://sts.googleapis.com",
        "--attribute-mapping=google.subject='assertion.sub'",
        f"--attribute-condition={_CONDITION}",
    )


def the_operator_changes_the_image(stage: Stage) -> None:
    """The same program with another comment, in a repository of the operator's own; the VM is gone."""
    operator = stage.operator
    operator.run("gsutil", "rm", f"gs://{_RESULTS}/result")
    delete_vm(operator)
    publish(operator, "secundus", stage.folder / "other-image", comment="# changed\n")


def publish(shell: Shell, project: str, layout: Path, *, comment: str) -> None:
    """The sample is in the project's repository, pushed with gcloud's own credential helper."""
    repository = f"{project}-artifact-repo"
    location = ("--location=us", f"--project={project}")
    shell.run("gcloud", "artifacts", "repositories", "list", *location)
    shell.run(
        "gcloud", "artifacts", "repositories", "create", repository, "--repository-format=docker", *location
    )
    shell.run("gcloud", "auth", "configure-docker", "us-docker.pkg.dev", "--quiet")
    text = program(
        models=_MODELS,
        pictures=_PICTURES,
        results=_RESULTS,
        audience=f"//iam.googleapis.com/{_POOL}/providers/primus-wip-provider",
        account=_OWNERS_ACCOUNT,
    )
    write_layout(layout, comment + text)
    image = f"us-docker.pkg.dev/{project}/{repository}/workload-container:latest"
    shell.run("skopeo", *_SKOPEO, "copy", f"oci:{layout}:latest", f"docker://{image}")
    shell.run(
        *("gcloud", "artifacts", "repositories", "add-iam-policy-binding", repository, *location),
        *("--role=roles/artifactregistry.reader", f"--member=serviceAccount:{_WORKLOAD_ACCOUNT}"),
    )


def the_workload_runs(stage: Stage, image: str) -> str:
    """The VM has booted, run the image and switched itself off; what the result says."""
    operator = stage.operator
    operator.run(
        *("gcloud", "compute", "instances", "create", "workload-vm", "--project=secundus", f"--zone={_ZONE}"),
        *("--confidential-compute-type=SEV", "--shielded-secure-boot", "--maintenance-policy=MIGRATE"),
        *("--min-cpu-platform=AMD Milan", "--machine-type=n2d-standard-2", "--scopes=cloud-platform"),
        *("--image-project=confidential-space-images", "--image-family=confidential-space"),
        *(f"--service-account={_WORKLOAD_ACCOUNT}", "--metadata", f"^~^tee-image-reference={image}"),
    )
    ends = monotonic() + _ENDS_WITHIN_S
    wait_for_the_launcher(stage.emulator, ends)
    describe = ("gcloud", "compute", "instances", "describe", "workload-vm", f"--zone={_ZONE}")
    while operator.run(*describe, "--format=value(status)").strip() != "TERMINATED":
        assert monotonic() < ends, "the VM does not end"
    serial = ("gcloud", "compute", "instances", "get-serial-port-output", "workload-vm", f"--zone={_ZONE}")
    assert "exit_code=0" in operator.run(*serial)
    query = f'jsonPayload.operator_input_image_ref="{image}"'
    logged = operator.run("gcloud", "logging", "read", query, "--limit=1")
    assert "workload-vm" in logged
    return operator.run("gsutil", "cat", f"gs://{_RESULTS}/result")


def wait_for_the_launcher(emulator: Running, ends: float) -> None:
    """The launcher has said its last line: read from its file, since gcloud would take cores from the VM."""
    log = emulator.folder / "instances" / "secundus" / "workload-vm" / "serial.log"
    while not (log.exists() and b"launcher exiting" in log.read_bytes()):
        assert monotonic() < ends, "the launcher does not end"
        Event().wait(0.2)


def delete_vm(operator: Shell) -> None:
    """The VM is in no list any more."""
    assert "workload-vm" in operator.run("gcloud", "compute", "instances", "list", "--project=secundus")
    operator.run("gcloud", "compute", "instances", "delete", "workload-vm", f"--zone={_ZONE}", "--quiet")
    assert operator.run("gcloud", "compute", "instances", "list", "--project=secundus") == ""


def the_owner_removes_everything(stage: Stage) -> None:
    """Nothing is left but the project, and the pool for its thirty days."""
    owner = stage.owner
    owner.run("gsutil", "rm", "-r", f"gs://{_MODELS}")
    nothing_but_a_project_is_left(owner, "primus", _OWNERS_ACCOUNT)
    pool = ("gcloud", "iam", "workload-identity-pools")
    owner.run(*pool, "delete", "primus-wip", "--location=global", "--quiet")
    state = owner.run(*pool, "describe", "primus-wip", "--location=global", "--format=value(state)")
    assert state.strip() == "DELETED"


def the_operator_removes_everything(stage: Stage) -> None:
    """Nothing is left but the project."""
    operator = stage.operator
    delete_vm(operator)
    for bucket in (_PICTURES, _RESULTS):
        operator.run("gsutil", "rm", "-r", f"gs://{bucket}")
    nothing_but_a_project_is_left(operator, "secundus", _WORKLOAD_ACCOUNT)


def nothing_but_a_project_is_left(shell: Shell, project: str, account: str) -> None:
    """The repository and the account are gone, and no bucket was left."""
    repository, location = f"{project}-artifact-repo", ("--location=us", f"--project={project}")
    shell.run("gcloud", "artifacts", "repositories", "delete", repository, *location, "--async", "--quiet")
    assert shell.run("gcloud", "artifacts", "repositories", "list", *location) == ""
    assert shell.run("gsutil", "ls") == ""
    shell.run("gcloud", "iam", "service-accounts", "delete", account, "--quiet")
    left = shell.run("gcloud", "iam", "service-accounts", "list", "--format=value(email)").split()
    assert [email for email in left if "-compute@" not in email] == []


def write_model(archive: Path) -> None:
    """Three classes, each of which likes one colour."""
    weights = io.BytesIO()
    numpy.save(weights, numpy.eye(3))
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("weights.npy")
        member.size = weights.tell()
        tar.addfile(member, io.BytesIO(weights.getvalue()))
