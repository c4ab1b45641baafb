"""gcloud, unmodified: logged in by the folder that the emulator wrote, and told what is not there at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from emulator.running import Running
from tests.clients.conftest import Shell, installed

ShellOf = Callable[[str], Shell]


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
