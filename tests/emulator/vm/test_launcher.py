"""What follows a launch: the restarts, the log, and what reaches the verifier."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from emulator.address import Address
from emulator.faults import Faults, write_faults
from emulator.iam.authorization import empty_policy
from emulator.verifier import Verifier
from emulator.vm import launcher
from emulator.vm.exit_codes import ExitCode
from emulator.vm.launcher import Launch
from emulator.vm.registry_client import Image
from emulator.vm.token_file import TOKEN_FILE
from tests.emulator.vm.conftest import ENDED, Bench, machine_in


def test_a_workload_that_succeeds_switches_the_vm_off(bench: Bench) -> None:
    ended = bench.boot("print('done')", container_log_redirect="true")
    assert (ended.code, ended.status) == (ExitCode.SUCCESS, 0)
    lines = ended.serial.splitlines()
    time = "time=2027-01-15T08:00:00.000Z level=INFO"
    assert lines[0] == f'{time} msg="TEE container launcher initiating" build_commit=symbolon-emulator'
    assert {"done", f'{time} msg="workload task started"'} <= set(lines)
    assert lines[-3:] == [
        f'{time} msg="workload task ended and returned 0" workload_execution_sec=0.0',
        f'{time} msg="Workload completed" workload=us-docker.pkg.dev/p/r/i:latest workload_execution_sec=0.0',
        f'{time} {ENDED}0 exit_msg="workload finished successfully, shutting down the VM"',
    ]


def test_a_workload_that_fails_says_no_more_than_the_real_one(bench: Bench) -> None:
    ended = bench.boot("raise SystemExit(5)")
    assert (ended.code, ended.status) == (ExitCode.FAILURE, 5)
    assert "workload finished with a non-zero return code" in ended.serial
    assert ended.serial.endswith(f'{ENDED}1 exit_msg="workload or launcher error, shutting down the VM"\n')


def test_a_label_that_forbids_redirection_stops_the_launch(bench: Bench) -> None:
    bench.image = replace(bench.image, labels={})
    ended = bench.boot("print('never')", container_log_redirect="true")
    assert (ended.code, ended.status) == (ExitCode.FAILURE, None)
    assert "logging redirection only allowed on debug environment by image" in ended.serial


def test_a_workload_that_fails_is_restarted_without_end(bench: Bench) -> None:
    ended = bench.boot("raise SystemExit(5)", boots=3, restart_policy="OnFailure")
    assert ended.boots >= 3
    assert f'{ENDED}3 exit_msg="rebooting VM"' in ended.serial


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
    assert ended.serial.endswith(f'{ENDED}4 exit_msg="VM remains running"\n')
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
    machine = machine_in(bench.folder, {"tee-image-reference": "us-docker.pkg.dev/p/r/i"}, debug=False)
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
    assert ended.serial.endswith(f'{ENDED}1 exit_msg="workload or launcher error, shutting down the VM"\n')


def test_a_bare_workload_that_wants_a_containers_paths_is_refused_with_a_sentence(bench: Bench) -> None:
    ended = bench.boot("open('/run/container_launcher/attestation_verifier_claims_token')")
    assert (ended.code, ended.status) == (ExitCode.FAILURE, None)
    assert "cannot run bare: `main.py` uses `/run/container_launcher`" in ended.serial
