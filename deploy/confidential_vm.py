"""The confidential VM: asked for, watched until it ends, read, and removed.

Source: Compute Engine API reference, `instances.insert`, `instances.getSerialPortOutput`,
`zoneOperations`; Confidential Space documentation, "Deploy workloads"; google/go-tpm-tools,
launcher/spec/launch_spec.go.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from attestation.errors import Denied, Misconfigured

from .google_api import COMPUTE, GoogleApi, Json
from .machine_types import MILAN, TECHNOLOGIES, Maintenance, TechnologyName, has_gpu

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

_VARIABLE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
IMAGE_PROJECT: Final = "confidential-space-images"
LABELS: Final[Mapping[str, str]] = {"created-by": "symbolon"}
"""What tells a VM of ours from one that somebody else made."""
RestartPolicy = Literal["Never", "OnFailure", "Always"]
_POLL_S = 2.0
_INSERT_TIMEOUT_S = 600
_LARGE_PIECE = 512 * 1024
"""One answer has 1 MiB at most: after so large a piece there may be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidentialVm:
    """A VM that boots the Confidential Space image, runs one container image and switches itself off.

    `environment` is what the operator decides (`INPUT_URI`, …); the image's label says which names
    it may hold. A container's `/dev/shm` has 64 MiB where `scratch_kib` does not say otherwise; the
    model's archive and the unpacked model have to fit into it together. `debug` boots the family
    that an operator can log in to: no policy for production admits it. `metadata` is set besides what
    follows from the rest, and in its place where it names the same key.
    """

    project_id: str
    zone: str
    name: str
    image_reference: str
    service_account: str
    environment: Mapping[str, str] = field(default_factory=dict)
    technology: TechnologyName = "SEV"
    machine_type: str = ""
    maintenance: Maintenance = "TERMINATE"
    debug: bool = False
    restart_policy: RestartPolicy = "Never"
    redirect_log: bool = True
    scratch_kib: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{COMPUTE}/projects/{self.project_id}/zones/{self.zone}/instances/{self.name}"

    @property
    def shape(self) -> str:
        """The machine type: the technology's usual one where none is named."""
        return self.machine_type or TECHNOLOGIES[self.technology].usual_machine_type

    @property
    def image_family(self) -> str:
        """The family of Confidential Space's images that it boots."""
        return "confidential-space-debug" if self.debug else "confidential-space"


def render_metadata(vm: ConfidentialVm) -> dict[str, str]:
    """The `tee-*` metadata that the launcher reads; defaults are not repeated.

    Raises:
        Misconfigured: a variable's name is not one.
    """
    metadata = {"tee-image-reference": vm.image_reference}
    if vm.restart_policy != "Never":
        metadata["tee-restart-policy"] = vm.restart_policy
    if vm.redirect_log:
        metadata["tee-container-log-redirect"] = "true"
    if vm.scratch_kib is not None:
        metadata["tee-dev-shm-size-kb"] = str(vm.scratch_kib)
    for name, value in vm.environment.items():
        if not _VARIABLE_NAME.fullmatch(name):
            raise Misconfigured(
                f"`{name[:80]}` is not the name of an environment variable",
                hint="letters, digits and `_`, and no digit first",
            )
        metadata[f"tee-env-{name}"] = value
    if has_gpu(vm.shape):
        metadata["tee-install-gpu-driver"] = "true"
    return {**metadata, **vm.metadata}


def platform_of(vm: ConfidentialVm) -> str:
    """The processor that has to be asked for by name, or nothing."""
    # A host that may hand the VM on, and one for SEV-SNP, have to be of this processor.
    return MILAN if vm.maintenance == "MIGRATE" else TECHNOLOGIES[vm.technology].cpu_platform


def render_instance(vm: ConfidentialVm) -> Json:
    """The body of `instances.insert`, field for field what the documented gcloud command asks for.

    Raises:
        Misconfigured: as `render_metadata` does.
    """
    image = f"projects/{IMAGE_PROJECT}/global/images/family/{vm.image_family}"
    metadata = render_metadata(vm)
    platform = platform_of(vm)
    return {
        "name": vm.name,
        "labels": dict(LABELS),
        "machineType": f"zones/{vm.zone}/machineTypes/{vm.shape}",
        **({"minCpuPlatform": platform} if platform else {}),
        "confidentialInstanceConfig": {
            "enableConfidentialCompute": True,
            "confidentialInstanceType": vm.technology,
        },
        "shieldedInstanceConfig": {
            "enableSecureBoot": True,
            "enableVtpm": True,
            "enableIntegrityMonitoring": True,
        },
        "scheduling": {"onHostMaintenance": vm.maintenance},
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
        "networkInterfaces": [
            {
                "network": "global/networks/default",
                "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "external-nat"}],
            }
        ],
        "serviceAccounts": [{"email": vm.service_account, "scopes": [CLOUD_PLATFORM]}],
        "metadata": {"items": [{"key": key, "value": metadata[key]} for key in sorted(metadata)]},
    }


def launch(api: GoogleApi, vm: ConfidentialVm) -> None:
    """The VM boots.

    Raises:
        AlreadyExists: there is one of that name.
        Denied, Misconfigured, Unavailable: as Google answers; a quota that is used up is `Misconfigured`.
    """
    doing = f"launching `{vm.name}`"
    try:
        operation = api.call(
            "POST",
            vm.url.rpartition("/")[0],
            doing=doing,
            # A request that is sent again, because its answer was lost, makes no second VM and no error.
            parameters={"requestId": str(uuid.uuid4())},
            body=render_instance(vm),
        )
        api.wait(operation, _operation_url(vm, operation), doing=doing, timeout_s=_INSERT_TIMEOUT_S)
    except (Denied, Misconfigured) as error:
        if "quota" not in error.message.lower():
            raise
        raise Misconfigured(
            error.message,
            hint="ask Google for more of it, or take a smaller machine type, or a zone of another region",
        ) from None


def watch(api: GoogleApi, vm: ConfidentialVm, *, poll_s: float = _POLL_S) -> Iterator[str]:
    """All that the VM writes to its serial port, in pieces, until it has switched itself off.

    A piece is empty where it has written nothing since the last one.

    A debug image never switches itself off: whoever watches one stops by what it writes.

    Raises:
        NotFound: there is no such VM, or no more.
        Denied, Unavailable: as Google answers.
    """
    position = 0
    while True:
        # In this order: what a VM wrote before it ended is read after it has ended.
        ended = status(api, vm) in ("TERMINATED", "STOPPED")
        while True:
            text, position = serial_output(api, vm, start=position)
            if text:
                yield text
            if not text or not (ended or len(text) >= _LARGE_PIECE):
                break
        if ended:
            return
        yield ""
        api.sleep(poll_s)


def status(api: GoogleApi, vm: ConfidentialVm) -> str:
    """Compute Engine's word for what the VM does now, e.g. `RUNNING` or `TERMINATED`."""
    return str(describe(api, vm)["status"])


def describe(api: GoogleApi, vm: ConfidentialVm) -> Json:
    """The VM as Compute Engine shows it.

    Raises:
        NotFound: there is none.
        Denied, Unavailable: as Google answers.
    """
    return api.call("GET", vm.url, doing=f"reading the state of `{vm.name}`")


def metadata_of(instance: Json) -> dict[str, str]:
    """The metadata of a VM as Compute Engine shows it."""
    items = instance.get("metadata", {}).get("items", ())
    return {str(item["key"]): str(item.get("value", "")) for item in items}


def is_ours(instance: Json) -> bool:
    """Whether this program made the VM that Compute Engine shows."""
    return bool(LABELS.items() <= dict(instance.get("labels") or {}).items())


def stop(api: GoogleApi, vm: ConfidentialVm) -> None:
    """The VM is off; its disk is still there.

    Raises:
        NotFound: there is no such VM.
        Denied, Unavailable: as Google answers.
    """
    doing = f"stopping `{vm.name}`"
    operation = api.call("POST", f"{vm.url}/stop", doing=doing)
    api.wait(operation, _operation_url(vm, operation), doing=doing)


def serial_output(api: GoogleApi, vm: ConfidentialVm, *, start: int = 0) -> tuple[str, int]:
    """What the VM wrote to its first serial port from byte `start` on, and where to go on from."""
    answer = api.call(
        "GET",
        f"{vm.url}/serialPort",
        doing=f"reading the serial output of `{vm.name}`",
        parameters={"port": "1", "start": str(start)},
    )
    return str(answer.get("contents", "")), int(answer["next"])


def delete(api: GoogleApi, vm: ConfidentialVm) -> None:
    """The VM and its disk are gone.

    Raises:
        NotFound: there is no such VM.
    """
    doing = f"deleting `{vm.name}`"
    operation = api.call("DELETE", vm.url, doing=doing)
    api.wait(operation, _operation_url(vm, operation), doing=doing)


def _operation_url(vm: ConfidentialVm, operation: Json) -> str:
    return f"{COMPUTE}/projects/{vm.project_id}/zones/{vm.zone}/operations/{operation['name']}"
