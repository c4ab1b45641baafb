"""A plan in gcloud's words. That gcloud takes them is for tests/clients to see."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from deploy.as_gcloud import commands_of, launch_command, render_gcloud
from deploy.confidential_vm import ConfidentialVm
from deploy.planning import Action, Create, Delete, Enable, Give, Restore, Revoke, Update
from deploy.resources import EnabledApi, Grant
from tests.deploy.resources_there import AS_DESCRIBED, ASKING, BUCKET, OWNER, PROJECT, PROVIDER

API = EnabledApi(project=PROJECT, name="iam.googleapis.com")


@pytest.mark.parametrize("kind", AS_DESCRIBED)
def test_what_is_created_bears_the_mark(kind: str) -> None:
    resource, _ = AS_DESCRIBED[kind]
    text = shlex.join([word for words in commands_of(Create(resource=resource)) for word in words])
    assert "managed-by=symbolon" in text


@pytest.mark.parametrize(
    ("action", "lines"),
    [
        pytest.param(
            Enable(apis=(API,)), ["gcloud services enable iam.googleapis.com --project=primus"], id="an API"
        ),
        pytest.param(
            Create(resource=OWNER.model_bucket),
            [
                "gcloud storage buckets create gs://primus-input-bucket --location=us-west1 --project=primus "
                "--uniform-bucket-level-access --public-access-prevention",
                "gcloud storage buckets update gs://primus-input-bucket --versioning "
                "--update-labels=managed-by=symbolon",
            ],
            id="a bucket",
        ),
        pytest.param(
            Update(resource=OWNER.model_bucket, before={}, after={"versioning": {"enabled": True}}),
            ["gcloud storage buckets update gs://primus-input-bucket --versioning"],
            id="a bucket without versions",
        ),
        pytest.param(
            Update(
                resource=OWNER.model_bucket,
                before={},
                after={"iamConfiguration": BUCKET["iamConfiguration"]},
            ),
            [
                "gcloud storage buckets update gs://primus-input-bucket --uniform-bucket-level-access "
                "--public-access-prevention"
            ],
            id="a bucket that is open",
        ),
        pytest.param(
            Update(resource=PROVIDER, before={}, after={"attributeCondition": ASKING["attributeCondition"]}),
            [
                f"gcloud iam workload-identity-pools providers update-oidc {PROVIDER.name} "
                "--attribute-condition=false"
            ],
            id="another condition",
        ),
        pytest.param(
            Restore(resource=OWNER.pool),
            [f"gcloud iam workload-identity-pools undelete {OWNER.pool.name}"],
            id="a deleted pool",
        ),
        pytest.param(
            Restore(resource=PROVIDER),
            [f"gcloud iam workload-identity-pools providers undelete {PROVIDER.name}"],
            id="a deleted provider",
        ),
        pytest.param(
            Give(grant=Grant(on=PROJECT, role="roles/x", member="user:a")),
            ["gcloud projects add-iam-policy-binding primus --member=user:a --role=roles/x --condition=None"],
            id="a grant on a project",
        ),
        pytest.param(
            Revoke(grant=Grant(on=OWNER.repository, role="roles/x", member="user:a")),
            [
                "gcloud artifacts repositories remove-iam-policy-binding primus-artifact-repo --location=us "
                "--member=user:a --role=roles/x --project=primus"
            ],
            id="a grant less on a repository",
        ),
        pytest.param(
            Delete(resource=OWNER.model_bucket, objects=2),
            ["gcloud storage rm --recursive --all-versions gs://primus-input-bucket"],
            id="a bucket with what is in it",
        ),
        pytest.param(
            Delete(resource=OWNER.service_account),
            [
                "gcloud iam service-accounts delete primus-sa@primus.iam.gserviceaccount.com --quiet "
                "--project=primus"
            ],
            id="an account that goes",
        ),
    ],
)
def test_an_action_is_these_commands(action: Action, lines: list[str]) -> None:
    assert [shlex.join(words) for words in commands_of(action)] == lines


VM = ConfidentialVm(
    project_id="secundus",
    zone="us-west1-b",
    name="workload-vm",
    image_reference="us-docker.pkg.dev/primus/images/workload@sha256:00",
    service_account="workload-sa@secundus.iam.gserviceaccount.com",
    environment={"TOP_K": "5"},
)


def test_a_launch_is_one_line() -> None:
    assert shlex.join(launch_command(VM)) == (
        "gcloud compute instances create workload-vm --project=secundus --zone=us-west1-b "
        "--machine-type=n2d-standard-2 --confidential-compute-type=SEV --maintenance-policy=TERMINATE "
        "--shielded-secure-boot --shielded-vtpm --shielded-integrity-monitoring "
        "--image-project=confidential-space-images --image-family=confidential-space "
        "--service-account=workload-sa@secundus.iam.gserviceaccount.com "
        "--scopes=https://www.googleapis.com/auth/cloud-platform --labels=created-by=symbolon "
        "'--metadata=^~^tee-container-log-redirect=true~tee-env-TOP_K=5~"
        "tee-image-reference=us-docker.pkg.dev/primus/images/workload@sha256:00'"
    )


def test_a_gpu_s_driver_and_a_named_processor_are_asked_for() -> None:
    gpu = launch_command(replace(VM, technology="TDX", machine_type="a3-highgpu-1g"))
    assert "tee-install-gpu-driver=true" in gpu[-1]
    moving = launch_command(replace(VM, maintenance="MIGRATE"))
    assert "--min-cpu-platform=AMD Milan" in moving


@pytest.mark.parametrize(
    ("value", "begins"),
    [("a,b", "^~^"), ("a~b", "^;^"), ("~;|#%!", "^::^"), ("a\n=b", "^~^")],
)
def test_no_value_ends_before_its_end(value: str, begins: str) -> None:
    metadata = launch_command(replace(VM, environment={"X": value}))[-1].removeprefix("--metadata=")
    assert metadata.startswith(begins)
    assert f"tee-env-X={value}" in metadata[len(begins) :].split(begins.strip("^"))


def test_a_plan_is_a_script_that_stops_at_the_first_error() -> None:
    script = render_gcloud([Create(resource=OWNER.pool), Delete(resource=PROVIDER)])
    assert script.splitlines()[0] == "set -e"
    assert len(script.splitlines()) == 3
    assert render_gcloud([]) == "# everything is as described\n"
