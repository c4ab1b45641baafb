"""The line that `operator launch --plan` prints, run by the real gcloud, makes the VM that `launch` makes."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from deploy.as_gcloud import launch_command
from deploy.confidential_vm import ConfidentialVm, delete, describe, launch
from deploy.google_api import GoogleApi
from deploy.provisioning import ensure
from deploy.resources import Project, operator_of
from tests.clients.conftest import Shell, installed

PROJECT = Project(project_id="secundus", number="0")
ACCOUNT = operator_of(PROJECT).workload_account
VM = ConfidentialVm(
    project_id="secundus",
    zone="us-west1-b",
    name="printed",
    image_reference="us-docker.pkg.dev/primus/images/workload@sha256:" + "1" * 64,
    service_account=ACCOUNT.email,
    environment={"INPUT_URI": "gs://secundus-input-bucket/a,b", "TOP_K": "5"},
    metadata={"tee-signed-image-repos": "us-docker.pkg.dev/a~b,us-docker.pkg.dev/c;d"},
    scratch_kib=65536,
)
_NEW_EACH_TIME = (
    *("creationTimestamp", "id", "lastStartTimestamp", "lastStopTimestamp", "status"),
    *("fingerprint", "labelFingerprint", "natIP", "networkIP"),
)
KINDS: dict[str, ConfidentialVm] = {
    "SEV": VM,
    "SEV that moves": ConfidentialVm(
        **{each: getattr(VM, each) for each in VM.__slots__} | {"maintenance": "MIGRATE", "debug": True}
    ),
    "TDX": ConfidentialVm(**{each: getattr(VM, each) for each in VM.__slots__} | {"technology": "TDX"}),
}


def stands(api: GoogleApi, vm: ConfidentialVm) -> Any:
    """The VM as Compute Engine shows it, without what is new each time; then it is gone."""
    found = describe(api, vm)
    delete(api, vm)
    return _without(found)


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(each) for key, each in value.items() if key not in _NEW_EACH_TIME}
    if isinstance(value, list):
        return sorted((_without(each) for each in value), key=str)
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_the_printed_line_makes_the_same_vm(
    kind: str, shell_of: Callable[[str], Shell], credentials_of: Callable[[str], Any]
) -> None:
    installed("gcloud")
    api, shell, vm = GoogleApi(credentials_of("operator")), shell_of("operator"), KINDS[kind]
    ensure(api, ACCOUNT)
    script = shell.folder / "launch.sh"
    script.write_text(shlex.join(launch_command(vm)))
    shell.run("bash", script)
    by_gcloud = stands(api, vm)
    launch(api, vm)
    assert by_gcloud == stands(api, vm)
