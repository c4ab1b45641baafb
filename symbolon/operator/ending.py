"""What `symbolon operator stop` and `destroy` do: the VM is off, or gone. Results and pictures stay."""

from __future__ import annotations

from attestation.errors import ExitCode, Misconfigured
from deploy import confidential_vm
from deploy.confidential_vm import ConfidentialVm, describe, is_ours
from deploy.google_api import GoogleApi, Json, NotFound

from ..progress import patience
from ..rendering import console, print_json
from .agreeing import agree
from .reaching import needing

ADMIN = "roles/compute.instanceAdmin.v1"


def stop(api: GoogleApi, vm: ConfidentialVm, *, output: str) -> ExitCode:
    """The VM is off; the same job goes on when it is launched again.

    Raises:
        NotFound: there is no such VM.
        Misconfigured: it is somebody else's.
        Denied, Unavailable: as Google answers.
    """
    with needing(ADMIN, vm.project_id):
        _check_ours(vm, describe(api, vm))
        with patience(f"stopping {vm.name}"):
            confidential_vm.stop(api, vm)
    _say(vm, "stopped", f"{vm.name} is off; its disk costs until it is destroyed", output)
    return ExitCode.YES


def destroy(api: GoogleApi, vm: ConfidentialVm, *, yes: bool, output: str) -> ExitCode:
    """The VM and its disk are gone, once somebody agreed; where there is none, there is nothing to do.

    Raises:
        Misconfigured: it is somebody else's, or nobody agreed.
        Denied, Unavailable: as Google answers.
    """
    try:
        with needing(ADMIN, vm.project_id):
            found = describe(api, vm)
    except NotFound:
        _say(vm, "absent", f"there is no VM {vm.name} in {vm.zone}: nothing to do", output)
        return ExitCode.YES
    _check_ours(vm, found)
    where = f"VM {vm.name} in {vm.zone}, {found.get('status', '')}, and its disk"
    console(stderr=True).print(f"delete  {where}\nkeep    pictures, results, accounts and images")
    agree(f"Delete {vm.name}?", yes=yes, undone=f"{vm.name} was not deleted")
    with needing(ADMIN, vm.project_id), patience(f"deleting {vm.name}"):
        confidential_vm.delete(api, vm)
    _say(vm, "destroyed", f"{vm.name} and its disk are gone", output)
    return ExitCode.YES


def _check_ours(vm: ConfidentialVm, found: Json) -> None:
    if not is_ours(found):
        raise Misconfigured(
            f"`{vm.name}` was not launched by symbolon, so it is left alone",
            hint=f"gcloud compute instances delete {vm.name} --zone={vm.zone} --project={vm.project_id}",
        )


def _say(vm: ConfidentialVm, did: str, says: str, output: str) -> None:
    if output == "json":
        print_json({"name": vm.name, "zone": vm.zone, "did": did})
    else:
        console().print(says)
