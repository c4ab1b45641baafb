"""The service of systemd starts a command that there is, as nobody in particular, with nothing to spare."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from symbolon.arguments import make_parser

UNIT = Path(__file__).parents[2] / "deploy" / "symbolon-broker.service"


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_it_starts_the_broker_from_the_folder_that_systemd_makes() -> None:
    (command,) = settings()["ExecStart"]
    program, *words = command.split()
    arguments = make_parser().parse_args(words)
    assert program.endswith("/symbolon")
    assert str(arguments.folder) == f"/var/lib/{settings()['StateDirectory'][0]}/broker"
    assert arguments.passphrase_file is None
    assert settings()["LoadCredentialEncrypted"][0].startswith("passphrase:")


def test_a_configuration_that_is_wrong_is_not_tried_for_ever() -> None:
    assert settings()["RestartPreventExitStatus"] == ["7"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UMask", "0077"),
        ("StateDirectoryMode", "0700"),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProcSubset", "pid"),
        ("MemoryDenyWriteExecute", "yes"),
    ],
)
def test_it_has_no_more_than_it_needs(name: str, value: str) -> None:
    assert settings()[name] == [value]


def test_a_broker_that_is_stopped_before_it_is_ready_has_not_failed() -> None:
    assert settings()["SuccessExitStatus"] == [str(128 + signal.SIGTERM)]


def test_systemd_reads_it(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("not required: systemd is not on this machine")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/symbolon/.venv/bin/symbolon", "/bin/true")
    (tmp_path / UNIT.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / UNIT.name], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_it_little_exposed() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("not required: systemd is not on this machine")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(UNIT)]  # of 100
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
