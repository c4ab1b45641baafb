"""gcloud, unmodified: logged in by the folder that the emulator wrote, and told what is not there at once."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from emulator.running import Running
from tests.clients.conftest import Shell, installed

ShellOf = Callable[[str], Shell]
ZONE = "us-west1-b"


def gcloud(shell: Shell, *arguments: str) -> Any:
    """What gcloud answers, read from its JSON."""
    return json.loads(shell.run("gcloud", *arguments, "--format=json", "--quiet"))


@pytest.mark.parametrize(
    ("party", "account", "project"),
    [
        ("owner", "owner@primus.example", "primus"),
        ("operator", "operator@secundus.example", "secundus"),
        ("auditor", "auditor@tertius.example", "tertius"),
    ],
)
def test_it_knows_who_it_is(shell_of: ShellOf, party: str, account: str, project: str) -> None:
    shell = shell_of(party)
    assert [(each["account"], each["status"]) for each in gcloud(shell, "auth", "list")] == [
        (account, "ACTIVE")
    ]
    assert gcloud(shell, "config", "list")["core"]["project"] == project
    assert gcloud(shell, "projects", "describe", project)["projectId"] == project


def test_a_shell_forgets_whom_gcloud_was_before(emulator: Running, shell_of: ShellOf) -> None:
    command = [
        sys.executable,
        "-m",
        "symbolon",
        "emulator",
        "env",
        "operator",
        "--state",
        str(emulator.folder),
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before = {**shell_of("owner").env, "CLOUDSDK_CORE_ACCOUNT": "somebody@else.example"}
    done = subprocess.run(
        ["sh", "-c", f'{lines}exec "$0" config get-value account', installed("gcloud")],
        capture_output=True,
        text=True,
        env=before,
        check=True,
    )
    assert done.stdout == "operator@secundus.example\n"


def test_gsutil_fetches_a_large_file_in_one_piece(shell_of: ShellOf) -> None:
    said = shell_of("owner").ask("gsutil", "-D", "version")
    assert "('sliced_object_download_threshold', '0')" in said.stdout + said.stderr


def test_its_own_client_id_is_taken_at_the_token_endpoint(emulator: Running, shell_of: ShellOf) -> None:
    shell = shell_of("owner")
    elsewhere = Shell(
        env={**shell.env, "CLOUDSDK_CONFIG": str(shell.folder / "other"), "CLOUDSDK_CORE_PROJECT": "primus"},
        folder=shell.folder,
    )
    token = json.loads(emulator.credentials_file("owner").read_bytes())["refresh_token"]
    elsewhere.run("gcloud", "auth", "activate-refresh-token", "owner@primus.example", token)
    assert gcloud(elsewhere, "projects", "describe", "primus")["projectNumber"] == "100000000001"


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (
            ("dns", "managed-zones", "list"),
            "GET https://dns.googleapis.com/dns/v1/projects/primus/managedZones",
        ),
        (("compute", "networks", "list"), "compute/v1/projects/primus/global/networks"),
    ],
    ids=["a service that is not there", "a call of a service that is"],
)
def test_what_is_absent_is_told_at_once(shell_of: ShellOf, arguments: tuple[str, ...], call: str) -> None:
    began = monotonic()
    said = shell_of("owner").ask("gcloud", *arguments, "--quiet", code=1).stderr
    assert "the emulator does not have" in said and call in said
    assert monotonic() - began < 20, "it asked again"


@pytest.fixture
def machine(shell_of: ShellOf) -> tuple[Shell, str]:
    """The operator's shell, and a VM that has nothing to run: its launcher ends at once."""
    shell, name = shell_of("operator"), f"vm-{uuid.uuid4().hex[:8]}"
    gcloud(
        shell,
        *("compute", "instances", "create", name, f"--zone={ZONE}", "--confidential-compute-type=SEV"),
        *("--maintenance-policy=TERMINATE", "--machine-type=n2d-standard-2", "--shielded-secure-boot"),
        *("--image-project=confidential-space-images", "--image-family=confidential-space"),
        *("--labels=team=blue", "--scopes=cloud-platform", f"--service-account={default_account(shell)}"),
    )
    return shell, name


def default_account(shell: Shell) -> str:
    """The account that a VM has where nobody names another; whoever uses it must be allowed to."""
    account = "200000000002-compute@developer.gserviceaccount.com"
    listed = gcloud(shell, "iam", "service-accounts", "list")
    assert account in [each["email"] for each in listed]
    return account


def test_a_machine_is_listed_stopped_changed_started_and_deleted(machine: tuple[Shell, str]) -> None:
    shell, name = machine
    listed = gcloud(shell, "compute", "instances", "list", f"--filter=name={name}")
    assert [(each["name"], each["labels"]) for each in listed] == [(name, {"team": "blue"})]
    gcloud(shell, "compute", "instances", "stop", name, f"--zone={ZONE}")
    gcloud(
        shell,
        *("compute", "instances", "add-metadata", name, f"--zone={ZONE}"),
        "--metadata=tee-restart-policy=Sometimes,tee-image-reference=none",
    )
    gcloud(shell, "compute", "instances", "add-labels", name, f"--zone={ZONE}", "--labels=team=red")
    gcloud(shell, "compute", "instances", "start", name, f"--zone={ZONE}")
    serial = shell.run("gcloud", "compute", "instances", "get-serial-port-output", name, f"--zone={ZONE}")
    assert "tee-image-reference is not specified in the custom metadata" in serial
    assert "invalid restart policy: Sometimes" in serial
    described = gcloud(shell, "compute", "instances", "describe", name, f"--zone={ZONE}")
    assert (described["status"], described["labels"]) == ("TERMINATED", {"team": "red"})
    shell.run("gcloud", "compute", "instances", "delete", name, f"--zone={ZONE}", "--quiet")
    assert gcloud(shell, "compute", "instances", "list", f"--filter=name={name}") == []


def test_what_there_is_to_choose_from_is_listed(shell_of: ShellOf) -> None:
    shell = shell_of("owner")
    assert [each["projectId"] for each in gcloud(shell, "projects", "list")] == ["primus"]
    assert "us" in [each["name"] for each in gcloud(shell, "artifacts", "locations", "list")]
    assert "us-west1-b" in [each["name"] for each in gcloud(shell, "compute", "zones", "list")]
    kinds = gcloud(shell, "compute", "machine-types", "list", "--zones=us-west1-b", "--filter=name:n2d*")
    assert {"n2d-standard-2", "n2d-highmem-4"} <= {each["name"] for each in kinds}
    family = ("compute", "images", "describe-from-family", "confidential-space")
    assert gcloud(shell, *family, "--project=confidential-space-images")["family"] == "confidential-space"
    shell.run("gcloud", "services", "enable", "container.googleapis.com")
    enabled = [each["config"]["name"] for each in gcloud(shell, "services", "list", "--enabled")]
    assert {"container.googleapis.com", "iam.googleapis.com"} <= set(enabled)


def test_a_service_account_is_described_disabled_deleted_and_comes_back(shell_of: ShellOf) -> None:
    shell, name = shell_of("owner"), f"a-{uuid.uuid4().hex[:8]}"
    email, accounts = f"{name}@primus.iam.gserviceaccount.com", ("iam", "service-accounts")
    made = gcloud(shell, *accounts, "create", name, "--display-name=first")
    gcloud(shell, *accounts, "update", email, "--description=second")
    gcloud(shell, *accounts, "disable", email)
    described = gcloud(shell, *accounts, "describe", email)
    assert (described["displayName"], described["description"]) == ("first", "second")
    assert described["disabled"] is True
    gcloud(shell, *accounts, "enable", email)
    gcloud(shell, *accounts, "delete", email)
    restored = gcloud(shell, "beta", *accounts, "undelete", made["uniqueId"])
    assert restored["restoredAccount"]["email"] == email
