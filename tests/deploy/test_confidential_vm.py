"""The confidential VM as Compute Engine is asked for it, and as it is watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from attestation.errors import Denied, Misconfigured
from deploy.confidential_vm import (
    ConfidentialVm,
    delete,
    is_ours,
    launch,
    metadata_of,
    render_instance,
    render_metadata,
    stop,
    watch,
)
from deploy.google_api import GoogleApi

VM = ConfidentialVm(
    project_id="secundus",
    zone="us-west1-b",
    name="workload-vm",
    image_reference="us-docker.pkg.dev/primus/repo/workload@sha256:" + "0" * 64,
    service_account="workload-sa@secundus.iam.gserviceaccount.com",
    environment={"INPUT_URI": "gs://in", "RESULT_URI": "gs://out"},
)
INSTANCES = "https://compute.googleapis.com/compute/v1/projects/secundus/zones/us-west1-b/instances"
Answering = Callable[..., None]


def test_the_operator_s_wishes_become_metadata() -> None:
    assert render_metadata(VM) == {
        "tee-image-reference": VM.image_reference,
        "tee-container-log-redirect": "true",
        "tee-env-INPUT_URI": "gs://in",
        "tee-env-RESULT_URI": "gs://out",
    }


def test_what_is_not_the_default_is_said() -> None:
    vm = replace(VM, environment={}, redirect_log=False, restart_policy="OnFailure", scratch_kib=1 << 20)
    assert render_metadata(vm) == {
        "tee-image-reference": VM.image_reference,
        "tee-restart-policy": "OnFailure",
        "tee-dev-shm-size-kb": "1048576",
    }


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A=B", "Ä"])
def test_a_variable_that_has_no_possible_name_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured, match="not the name of an environment variable"):
        render_metadata(replace(VM, environment={name: "x"}))


def test_the_instance_is_confidential_measured_and_cannot_migrate() -> None:
    instance = render_instance(VM)
    assert instance["confidentialInstanceConfig"] == {
        "enableConfidentialCompute": True,
        "confidentialInstanceType": "SEV",
    }
    assert instance["shieldedInstanceConfig"]["enableSecureBoot"]
    assert instance["scheduling"] == {"onHostMaintenance": "TERMINATE"}
    assert instance["serviceAccounts"] == [
        {"email": VM.service_account, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}
    ]
    assert {"key": "tee-env-INPUT_URI", "value": "gs://in"} in instance["metadata"]["items"]


@pytest.mark.parametrize(
    ("vm", "machine", "family"),
    [
        (VM, "n2d-standard-2", "confidential-space"),
        (replace(VM, technology="TDX"), "c3-standard-4", "confidential-space"),
        (replace(VM, debug=True), "n2d-standard-2", "confidential-space-debug"),
        (replace(VM, machine_type="n2d-standard-8"), "n2d-standard-8", "confidential-space"),
    ],
)
def test_hardware_and_boot_image_follow_from_what_is_asked(
    vm: ConfidentialVm, machine: str, family: str
) -> None:
    instance = render_instance(vm)
    assert instance["machineType"] == f"zones/us-west1-b/machineTypes/{machine}"
    (disk,) = instance["disks"]
    assert disk["initializeParams"]["sourceImage"].endswith(f"/family/{family}")
    assert instance["confidentialInstanceConfig"]["confidentialInstanceType"] == vm.technology


def test_a_launch_is_waited_for(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({"name": "o", "status": "RUNNING"}, {"name": "o", "status": "DONE"})
    launch(api, VM)
    asked = google.asked
    assert asked[0].startswith(f"POST {INSTANCES}?requestId=")
    assert asked[1] == f"GET {INSTANCES.replace('instances', 'operations')}/o"
    assert google.body(0) == render_instance(VM)


def test_a_vm_is_watched_until_it_ends_and_all_it_wrote_is_heard(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering(
        {"status": "STAGING"},
        {"contents": "", "next": "0"},
        {"status": "RUNNING"},
        {"contents": "one\n", "next": "4"},
        {"status": "TERMINATED"},
        {"contents": "two\n", "next": "8"},
        {"contents": "three\n", "next": "14"},
        {"contents": "", "next": "14"},
    )
    assert list(watch(api, VM)) == ["", "one\n", "", "two\n", "three\n"]
    assert google.asked[-1] == f"GET {INSTANCES}/workload-vm/serialPort?port=1&start=14"
    assert google.slept == [2.0, 2.0]


def test_a_vm_that_has_written_much_is_read_on_at_once(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    much = "x" * (1 << 20)
    answering(
        {"status": "RUNNING"},
        {"contents": much, "next": "1048576"},
        {"contents": "y", "next": "1048577"},
        {"status": "TERMINATED"},
        {"contents": "", "next": "1048577"},
    )
    assert list(watch(api, VM)) == [much, "y", ""]
    assert google.slept == [2.0]


QUOTA = "Quota 'N2D_CPUS' exceeded.  Limit: 0.0 in region us-west1."


@pytest.mark.parametrize(
    "answers",
    [
        [(403, {"error": {"message": QUOTA}})],
        [
            {
                "name": "o",
                "status": "DONE",
                "httpErrorStatusCode": 403,
                "error": {"errors": [{"message": QUOTA}]},
            }
        ],
    ],
    ids=["at once", "by the operation"],
)
def test_a_quota_that_is_used_up_says_what_to_do(
    api: GoogleApi, answering: Answering, answers: list[Any]
) -> None:
    answering(*answers)
    with pytest.raises(Misconfigured, match="Quota 'N2D_CPUS' exceeded") as refused:
        launch(api, VM)
    assert refused.value.hint.startswith("ask Google for more of it")


def test_another_refusal_stays_one(api: GoogleApi, answering: Answering) -> None:
    answering((403, {"error": {"message": "no"}}))
    with pytest.raises(Denied):
        launch(api, VM)


def test_a_vm_is_stopped(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({"name": "o", "status": "DONE"})
    stop(api, VM)
    assert google.asked == [f"POST {INSTANCES}/workload-vm/stop"]


def test_a_vm_of_ours_is_told_from_another_one() -> None:
    assert is_ours(render_instance(VM))
    assert not is_ours({"name": "x", "labels": {"created-by": "somebody"}})
    assert metadata_of(render_instance(VM)) == render_metadata(VM)
    assert metadata_of({}) == {}


@pytest.mark.parametrize(
    ("vm", "platform"),
    [
        (VM, None),
        (replace(VM, maintenance="MIGRATE"), "AMD Milan"),
        (replace(VM, technology="SEV_SNP"), "AMD Milan"),
        (replace(VM, technology="TDX"), None),
    ],
    ids=["SEV", "SEV that may migrate", "SEV-SNP", "TDX"],
)
def test_the_processor_is_named_where_it_has_to_be(vm: ConfidentialVm, platform: str | None) -> None:
    assert render_instance(vm).get("minCpuPlatform") == platform
    assert render_instance(vm)["scheduling"]["onHostMaintenance"] == vm.maintenance


def test_other_metadata_goes_before_ours_and_a_gpu_gets_its_driver() -> None:
    vm = replace(
        VM, machine_type="a3-highgpu-1g", metadata={"tee-container-log-redirect": "serial", "x": "y"}
    )
    metadata = render_metadata(vm)
    assert (metadata["tee-container-log-redirect"], metadata["x"]) == ("serial", "y")
    assert metadata["tee-install-gpu-driver"] == "true"


def test_a_vm_is_deleted(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({"name": "o", "status": "DONE"})
    delete(api, VM)
    assert google.asked == [f"DELETE {INSTANCES}/workload-vm"]
