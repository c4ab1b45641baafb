"""What follows a launch: the exit codes, the restarts, the logs, and what reaches the verifier."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from attestation.tokens import parse_token
from emulator import projects
from emulator.access_tokens import CLOUD_PLATFORM
from emulator.address import Address
from emulator.faults import Faults, write_faults
from emulator.iam.authorization import empty_policy
from emulator.state import State
from emulator.verifier import Verifier
from emulator.vm import launcher
from emulator.vm.launcher import ExitCode, Launch, Machine, WorkloadFailed, exit_code_of
from emulator.vm.metadata import InstanceIdentity
from emulator.vm.registry_client import Image
from emulator.vm.token_file import TOKEN_FILE
from policy.launch_spec import LaunchRefused

_EMAIL = "workload-sa@secundus.iam.gserviceaccount.com"
_LABELS = {"tee.launch_policy.log_redirect": "always", "tee.launch_policy.allow_env_override": "A"}
_ENDED = "TEE container launcher exiting with exit code: "


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
    logged: list[tuple[str, str]] = field(default_factory=list)

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
            _machine(self.folder, attributes, debug=debug),
            kind="bare",
            on_end=on_end,
            reboot_delay_s=0 if boots > 1 else 3600,
            log=lambda line, severity: self.logged.append((line, severity)),
        )
        launch.start()
        while len(self.boots) < boots or not (ended.is_set() or _waits(launch)):
            ended.wait(0.01)
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
    return f"{_ENDED}3 (rebooting VM)" in launch.serial.read(0)[1]


def _machine(folder: Path, attributes: dict[str, str], *, debug: bool) -> Machine:
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

    def pull(reference: str, *, token: str, address: Address, app: Path) -> Image:
        bench.boots.append(reference)
        app.mkdir()
        (app / "main.py").write_text(bench.program)
        return bench.image

    monkeypatch.setattr(launcher, "pull", pull)
    yield bench


def _let_attest(state: State) -> None:
    secundus = state.collection("projects").get("secundus")
    assert secundus is not None
    role = "roles/confidentialcomputing.workloadUser"
    secundus["policy"]["bindings"].append({"role": role, "members": [f"serviceAccount:{_EMAIL}"]})


@pytest.mark.parametrize(
    ("debug", "restart_policy", "failure", "code"),
    [
        (False, "Never", None, ExitCode.SUCCESS),
        (False, "OnFailure", None, ExitCode.SUCCESS),
        (False, "Always", None, ExitCode.REBOOT),
        (False, "Never", WorkloadFailed(), ExitCode.FAILURE),
        (False, "OnFailure", WorkloadFailed(), ExitCode.REBOOT),
        (False, "Always", WorkloadFailed(), ExitCode.REBOOT),
        (False, "Always", LaunchRefused(), ExitCode.FAILURE),
        (True, "Never", None, ExitCode.HOLD),
        (True, "Always", WorkloadFailed(), ExitCode.HOLD),
        (True, "Always", LaunchRefused(), ExitCode.HOLD),
    ],
)
def test_the_exit_code_follows_image_policy_and_failure(
    debug: bool, restart_policy: str, failure: Exception | None, code: ExitCode
) -> None:
    assert exit_code_of(debug=debug, restart_policy=restart_policy, failure=failure) is code


def test_a_workload_that_succeeds_switches_the_vm_off(bench: Bench) -> None:
    ended = bench.boot("print('done')", container_log_redirect="true")
    assert (ended.code, ended.status) == (ExitCode.SUCCESS, 0)
    lines = [line[20:] if line.startswith("20") else line for line in ended.serial.splitlines()]
    assert lines[0] == "TEE container launcher initiating"
    assert {"workload task started", "done"} <= set(lines)
    assert lines[-2:] == [
        "workload task ended and returned 0",
        f"{_ENDED}0 (workload finished successfully, shutting down the VM)",
    ]


def test_a_workload_that_fails_says_no_more_than_the_real_one(bench: Bench) -> None:
    ended = bench.boot("raise SystemExit(5)")
    assert (ended.code, ended.status) == (ExitCode.FAILURE, 5)
    assert "workload finished with a non-zero return code" in ended.serial
    assert ended.serial.endswith(f"{_ENDED}1 (workload or launcher error, shutting down the VM)\n")


def test_a_production_vm_shows_no_output_unless_it_was_asked_for(bench: Bench) -> None:
    ended = bench.boot("print('a secret of no one')")
    assert "a secret of no one" not in ended.serial
    assert "Container stdout/stderr will not be redirected." in ended.serial


@pytest.mark.parametrize(
    ("location", "serial", "cloud"),
    [("true", True, True), ("serial", True, False), ("cloud_logging", False, True)],
)
def test_output_goes_where_the_operator_said(bench: Bench, location: str, serial: bool, cloud: bool) -> None:
    ended = bench.boot("print('my words')", container_log_redirect=location)
    assert ("my words" in ended.serial, ("my words", "DEFAULT") in bench.logged) == (serial, cloud)
    assert ("workload task started", "INFO") in bench.logged


def test_a_label_that_forbids_redirection_stops_the_launch(bench: Bench) -> None:
    bench.image = replace(bench.image, labels={})
    ended = bench.boot("print('never')", container_log_redirect="true")
    assert (ended.code, ended.status) == (ExitCode.FAILURE, None)
    assert "logging redirection only allowed on debug environment by image" in ended.serial


def test_a_workload_that_fails_is_restarted_without_end(bench: Bench) -> None:
    ended = bench.boot("raise SystemExit(5)", boots=3, restart_policy="OnFailure")
    assert ended.boots >= 3
    assert f"{_ENDED}3 (rebooting VM)" in ended.serial


def test_a_vm_that_waits_to_reboot_can_be_switched_off(bench: Bench) -> None:
    ended = bench.boot("raise SystemExit(5)", restart_policy="OnFailure")
    assert (ended.boots, ended.code) == (1, ExitCode.REBOOT)


def test_a_refused_launch_is_not_restarted(bench: Bench) -> None:
    ended = bench.boot("", restart_policy="Always", cmd='["x"]')
    assert (ended.boots, ended.code) == (1, ExitCode.FAILURE)
    assert "CMD is not allowed to be overridden on this image" in ended.serial


def test_a_debug_image_holds_whatever_happens(bench: Bench) -> None:
    ended = bench.boot("raise SystemExit(5)", debug=True)
    assert ended.code is ExitCode.HOLD
    assert ended.serial.endswith(f"{_ENDED}4 (VM remains running)\n")
    assert ended.claims()["dbgstat"] == "enabled"


def test_metadata_that_the_launcher_does_not_understand_stops_it_before_the_pull(bench: Bench) -> None:
    ended = bench.boot("", boots=0, restart_policy="sometimes")
    assert (ended.boots, ended.code) == (0, ExitCode.FAILURE)
    assert "invalid restart policy: sometimes" in ended.serial


def test_a_misspelt_key_is_warned_about(bench: Bench) -> None:
    ended = bench.boot("", restart_polciy="Always")
    assert ended.code is ExitCode.SUCCESS
    assert "does not know `tee-restart-polciy` and ignores it" in ended.serial


def test_the_token_says_what_was_launched(bench: Bench) -> None:
    container = bench.boot("", env_A="operator's").claims()["submods"]["container"]
    assert container == {
        "image_reference": "us-docker.pkg.dev/p/r/i:latest",
        "image_digest": bench.image.digest,
        "image_id": bench.image.image_id,
        "restart_policy": "Never",
        "env_override": {"A": "operator's"},
        "env": {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "A": "operator's",
            "B": "image",
            "HOSTNAME": "vm",
        },
        "args": ["python", "main.py", "default"],
    }


def test_a_command_that_is_allowed_replaces_the_images(bench: Bench) -> None:
    bench.image = replace(bench.image, labels={"tee.launch_policy.allow_cmd_override": "true"})
    container = bench.boot("", cmd='["other", "words"]').claims()["submods"]["container"]
    assert container["args"] == ["python", "main.py", "other", "words"]
    assert container["cmd_override"] == ["other", "words"]


def test_an_image_without_an_entrypoint_is_refused(bench: Bench) -> None:
    labels = {"tee.launch_policy.allow_cmd_override": "true"}
    bench.image = replace(bench.image, entrypoint=(), labels=labels)
    ended = bench.boot("", cmd='["python"]')
    assert (
        "length of Args [1] is shorter or equal to the length of the given Cmd [1], maybe the Entrypoint is "
        "set to empty in the image?" in ended.serial
    )


def test_an_account_that_may_not_attest_gets_no_token_and_no_restart(bench: Bench) -> None:
    secundus = bench.state.collection("projects").get("secundus")
    assert secundus is not None
    secundus["policy"] = empty_policy()
    ended = bench.boot("", restart_policy="Always")
    assert ended.code is ExitCode.FAILURE
    assert (
        "failed to fetch and write OIDC token: failed to retrieve attestation service token" in ended.serial
    )
    assert "confidentialcomputing.challenges.verify" in ended.serial


def test_an_account_is_not_spoken_for_without_its_leave(bench: Bench) -> None:
    ended = bench.boot("", impersonate_service_accounts="boss@secundus.iam.gserviceaccount.com")
    assert "failed to get impersonated token for boss@secundus.iam.gserviceaccount.com" in ended.serial


def test_a_vm_that_is_switched_off_ends_its_workload(bench: Bench) -> None:
    bench.program = "import time; time.sleep(60)"
    results: list[int | None] = []
    nowhere = Address(proxy="http://127.0.0.1:9", gateway_socket=bench.folder, ca_file=bench.folder)
    machine = _machine(bench.folder, {"tee-image-reference": "us-docker.pkg.dev/p/r/i"}, debug=False)
    launch = Launch(
        bench.state,
        Verifier(bench.state),
        nowhere,
        machine,
        kind="bare",
        on_end=lambda _code, status: results.append(status),
        reboot_delay_s=0,
    )
    launch.start()
    launch.stop()
    assert results in ([143], [None])


def test_a_fault_kills_the_workload(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_KILL_AFTER_S", 0.01)
    write_faults(bench.state.folder, Faults(killed_workloads=1))
    assert bench.boot("import time; time.sleep(60)").status == 137


def test_the_serial_log_says_which_sandbox_holds_the_workload(bench: Bench) -> None:
    assert "symbolon emulator: the workload runs bare" in bench.boot("").serial


def test_the_workload_talks_to_the_launcher_and_to_its_metadata_server(bench: Bench) -> None:
    look = """
import http.client, json, os, socket, urllib.request
connection = http.client.HTTPConnection("launcher")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("../container_launcher/teeserver.sock")
connection.request("GET", "/v1/token")
url = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/project/project-id"
request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
project = urllib.request.urlopen(request).read().decode()
print(json.dumps([connection.getresponse().read(2).decode(), project]))
"""
    ended = bench.boot(look, container_log_redirect="serial")
    answers = [json.loads(line) for line in ended.serial.splitlines() if line.startswith("[")]
    assert answers == [["ey", "secundus"]]


def test_every_launch_is_in_the_audit_log(bench: Bench) -> None:
    bench.boot("", env_A="operator's")
    bench.boot("", env_A="operator's", cmd='["other"]')
    bench.boot("", restart_policy="Sometimes")
    entries = [
        entry for entry in bench.state.audit.entries() if str(entry["methodName"]).endswith("Attestation")
    ]
    assert [entry["granted"] for entry in entries] == [True, False, False]
    assert {entry["resourceName"] for entry in entries} == {"projects/secundus/zones/us-west1-b/instances/vm"}
    launched, refused, misspelt = [entry["detail"] for entry in entries]
    assert launched == {
        "image_digest": bench.image.digest,
        "image_reference": "us-docker.pkg.dev/p/r/i:latest",
    }
    assert "CMD is not allowed to be overridden" in str(refused)
    assert "restart" in str(misspelt)


def test_without_a_refresh_there_is_no_token_in_a_file(bench: Bench) -> None:
    ended = bench.boot("print('done')", disable_gca_refresh="true")
    assert (ended.code, (ended.folder / "container_launcher" / TOKEN_FILE).exists()) == (
        ExitCode.SUCCESS,
        False,
    )
    assert (ended.folder / "container_launcher" / "teeserver.sock").exists()


def test_a_launcher_that_fails_itself_says_so_and_switches_the_vm_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_arguments: Any, **_options: Any) -> Image:
        bench.boots.append("")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(launcher, "pull", full_disk)
    ended = bench.boot("")
    assert ended.code is ExitCode.FAILURE
    assert "symbolon emulator: the launcher failed: No space left on device" in ended.serial
    assert ended.serial.endswith(f"{_ENDED}1 (workload or launcher error, shutting down the VM)\n")


def test_a_bare_workload_that_wants_a_containers_paths_is_refused_with_a_sentence(bench: Bench) -> None:
    ended = bench.boot("open('/run/container_launcher/attestation_verifier_claims_token')")
    assert (ended.code, ended.status) == (ExitCode.FAILURE, None)
    assert "cannot run bare: `main.py` uses `/run/container_launcher`" in ended.serial
