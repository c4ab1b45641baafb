"""Whether there can be such a machine: its type, its zone, its technology, the image it boots, its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attestation.errors import Denied, Misconfigured
from deploy.confidential_vm import IMAGE_PROJECT, ConfidentialVm
from deploy.google_api import COMPUTE, GoogleApi, Json, NotFound
from deploy.machine_types import TECHNOLOGIES, has_gpu, misfits

from .answers import Answer

_ZONES: Final = (
    "https://cloud.google.com/confidential-computing/confidential-vm/docs/supported-configurations"
)


def check_machine(api: GoogleApi, vm: ConfidentialVm) -> Iterator[Answer]:
    """Everything about the machine that Compute Engine would refuse, as far as it is documented or asked.

    Raises:
        Unavailable: as Google answers.
    """
    found = list(misfits(vm.technology, vm.shape, vm.maintenance))
    for misfit in found:
        yield Answer(
            asked="machine",
            standing="no" if misfit.is_certain else "unknown",
            says=misfit.says,
            fix=misfit.fix,
        )
    if not found:
        says = f"`{vm.shape}` can be confidential by {vm.technology}; maintenance may {vm.maintenance} it"
        yield Answer(asked="machine", standing="yes", says=says)
    yield _zone(api, vm)
    yield _image_family(api, vm)
    yield _name(api, vm)


def memory_kib_of(api: GoogleApi, vm: ConfidentialVm) -> int | None:
    """The machine type's memory in KiB; None where it is not known."""
    try:
        return int(_machine_type(api, vm)["memoryMb"]) * 1024
    except (Misconfigured, Denied, KeyError):
        return None


def _machine_type(api: GoogleApi, vm: ConfidentialVm) -> Json:
    url = f"{COMPUTE}/projects/{vm.project_id}/zones/{vm.zone}/machineTypes/{vm.shape}"
    return api.call("GET", url, doing=f"reading machine type `{vm.shape}`")


def _zone(api: GoogleApi, vm: ConfidentialVm) -> Answer:
    where = f"`{vm.shape}` in `{vm.zone}`"
    try:
        _machine_type(api, vm)
    except Denied as error:
        return Answer(asked="zone", standing="unknown", says=error.message)
    except Misconfigured:
        lists = f"gcloud compute machine-types list --filter=name={vm.shape}"
        return Answer(
            asked="zone",
            standing="no",
            says=f"there is no {where}",
            fix=f"operator: another zone or machine type; `{lists}` lists the zones that have it",
        )
    if not TECHNOLOGIES[vm.technology].zones_are_few:
        return Answer(asked="zone", standing="yes", says=f"there is {where}")
    what = f"{vm.technology}{' with a GPU' if has_gpu(vm.shape) else ''}"
    return Answer(
        asked="zone",
        standing="unknown",
        says=f"there is {where}; whether that zone offers {what} is not asked of any API",
        fix=f"operator: look at {_ZONES}",
    )


def _image_family(api: GoogleApi, vm: ConfidentialVm) -> Answer:
    family = vm.image_family
    url = f"{COMPUTE}/projects/{IMAGE_PROJECT}/global/images/family/{family}"
    try:
        name = api.call("GET", url, doing=f"reading image family `{family}`").get("name", family)
    except (Denied, Misconfigured) as error:
        return Answer(asked="boot image", standing="unknown", says=error.message)
    return Answer(asked="boot image", standing="yes", says=f"family `{family}`, now `{name}`")


def _name(api: GoogleApi, vm: ConfidentialVm) -> Answer:
    try:
        found = api.call("GET", vm.url, doing=f"looking for `{vm.name}`")
    except NotFound:
        return Answer(asked="name", standing="yes", says=f"`{vm.name}` is free in `{vm.zone}`")
    except (Denied, Misconfigured) as error:
        return Answer(asked="name", standing="unknown", says=error.message)
    return Answer(
        asked="name",
        standing="no",
        says=f"there is a VM `{vm.name}` in `{vm.zone}`, {found.get('status', 'in an unknown state')}",
        fix=f"operator: another --name, or `symbolon operator destroy {vm.name}` first",
    )
