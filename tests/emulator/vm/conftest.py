"""A VM to launch in, whose registry has one image: a Python program that a test writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from attestation.tokens import parse_token
from emulator import projects
from emulator.access_tokens import CLOUD_PLATFORM
from emulator.address import Address
from emulator.state import State
from emulator.verifier import Verifier
from emulator.vm import launcher
from emulator.vm.exit_codes import ExitCode
from emulator.vm.launcher import Launch, Machine
from emulator.vm.metadata import InstanceIdentity
from emulator.vm.registry_client import Image
from emulator.vm.token_file import TOKEN_FILE

_EMAIL = "workload-sa@secundus.iam.gserviceaccount.com"
_LABELS = {"tee.launch_policy.log_redirect": "always", "tee.launch_policy.allow_env_override": "A"}
ENDED = 'msg="TEE container launcher exiting" exit_code='


@dataclass(kw_only=True)
class Ended:
    """A VM whose launcher has ended."""

    code: ExitCode
    status: int | None
    serial: str
    folder: Path
    boots: int

    def claims(self) -> Any:
        """What the token in the workload's file says."""
        return parse_token((self.folder / "container_launcher" / TOKEN_FILE).read_text()).claims


@dataclass(kw_only=True)
class Bench:
    """Boots VMs whose registry has one image, a Python program."""

    state: State
    folder: Path
    image: Image
    program: str = ""
    boots: list[str] = field(default_factory=list)
    logged: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def boot(self, code: str, *, debug: bool = False, boots: int = 1, **metadata: str) -> Ended:
        attributes = {"tee-image-reference": "us-docker.pkg.dev/p/r/i:latest"}
        attributes |= {f"tee-{key.replace('_', '-')}": value for key, value in metadata.items()}
        self.program = code
        ended = Event()
        results: list[tuple[ExitCode, int | None]] = []

        def on_end(exit_code: ExitCode, status: int | None) -> None:
            results.append((exit_code, status))
            ended.set()

        nowhere = Address(
            proxy="http://127.0.0.1:9", gateway_socket=self.folder / "g", ca_file=self.folder / "ca.pem"
        )
        launch = Launch(
            self.state,
            Verifier(self.state),
            nowhere,
            machine_in(self.folder, attributes, debug=debug),
            kind="bare",
            on_end=on_end,
            reboot_delay_s=0 if boots > 1 else 3600,
            send=lambda severity, payload: self.logged.append((severity, payload)),
        )
        launch.start()
        while len(self.boots) < boots or not (ended.is_set() or _waits(launch)):
            assert not ended.wait(0.01) or len(self.boots) >= boots, launch.serial.read(0)[1]
        launch.stop()
        exit_code, status = results[0]
        return Ended(
            code=exit_code,
            status=status,
            serial=launch.serial.read(0)[1],
            folder=self.folder,
            boots=len(self.boots),
        )


def _waits(launch: Launch) -> bool:
    """The launcher has said that it reboots, and waits for it."""
    return f'{ENDED}3 exit_msg="rebooting VM"' in launch.serial.read(0)[1]


def machine_in(folder: Path, attributes: dict[str, str], *, debug: bool) -> Machine:
    identity = InstanceIdentity(
        project_id="secundus",
        project_number="200000000002",
        zone="us-west1-b",
        name="vm",
        instance_id="7",
        machine_type="n2d-standard-2",
        service_account=_EMAIL,
        service_account_id="1",
        scopes=(CLOUD_PLATFORM,),
        attributes=attributes,
    )
    return Machine(
        identity=identity,
        hardware="GCP_AMD_SEV",
        debug=debug,
        secure_boot=True,
        gpu=False,
        memory_kb=8 * 1024 * 1024,
        folder=folder,
    )


@pytest.fixture
def bench(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    projects.seed(state)
    _let_attest(state)
    image = Image(
        digest="sha256:" + "1" * 64,
        image_id="sha256:" + "2" * 64,
        entrypoint=("python", "main.py"),
        cmd=("default",),
        env={"B": "image"},
        labels=_LABELS,
        working_folder="/app",
        user="",
    )
    folder = tmp_path / "vm"
    folder.mkdir()
    bench = Bench(state=state, folder=folder, image=image)

    def pull(reference: str, *, token: str, address: Address, files: Path, whole: bool) -> Image:
        bench.boots.append(reference)
        files.mkdir()
        (files / "main.py").write_text(bench.program)
        return bench.image

    monkeypatch.setattr(launcher, "pull", pull)
    yield bench


def _let_attest(state: State) -> None:
    secundus = state.collection("projects").get("secundus")
    assert secundus is not None
    role = "roles/confidentialcomputing.workloadUser"
    secundus["policy"]["bindings"].append({"role": role, "members": [f"serviceAccount:{_EMAIL}"]})
