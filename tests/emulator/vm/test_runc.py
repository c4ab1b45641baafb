"""A container by runc: what its bundle says, and, where this machine runs one, what it sees and cannot do."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from emulator.address import Address
from emulator.background import unix_listener
from emulator.vm import runc, sandbox

needs_runc = pytest.mark.skipif(bool(runc.why_not()), reason=f"no container by runc here: {runc.why_not()}")

LOOKS = r"""
echo "user $(id -u)"
for place in / /app /etc /tmp /dev/shm; do
    if (echo x >"$place/x") 2>/dev/null; then echo "writes $place"; fi
done
echo "launcher $(cat /run/container_launcher/token)"
exec 3<>/dev/tcp/127.0.0.1/"${HTTPS_PROXY##*:}" && echo hello >&3 && echo "gateway $(head -c 6 <&3)"
(exec 4<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && echo "network"
ls / | tr '\n' ' '
exit 7
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Path]:
    """A server that says what it hears."""
    path = tmp_path / "gateway.sock"
    listener = unix_listener(path, mode=0o600)
    listener.listen()

    def echo() -> None:
        with suppress(OSError):  # nobody came, and it is closed
            connection, _ = listener.accept()
            with connection:
                connection.sendall(connection.recv(100))

    Thread(target=echo, daemon=True).start()
    yield path
    listener.close()


def root_with(folder: Path, *programs: str) -> Path:
    """A root file system of these programs of this machine, and the libraries that they load."""
    for program in programs:
        found = shutil.which(program)
        assert found is not None
        loaded = subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout
        for path in {found, *re.findall(r"(/\S+) \(0x", loaded)}:
            (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path[1:])
            (folder / path[1:]).chmod(0o755)
    for name in ("app", "etc", "tmp", "run", "proc", "dev", "sys"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "tmp").chmod(0o1777)  # as every image has it; runc keeps the mode of what it mounts upon
    return folder


def container(tmp_path: Path, *args: str) -> sandbox.Container:
    launcher = tmp_path / "launcher"
    launcher.mkdir()
    (launcher / "token").write_text("a token")
    (tmp_path / "scratch").mkdir()
    return sandbox.Container(
        args=args,
        env={"PATH": "/usr/bin:/bin"},
        working_folder="/app",
        user="65532:65532",
        hostname="workload-vm",
        files=tmp_path / "root",
        launcher_folder=launcher,
        scratch=tmp_path / "scratch",
    )


def started(tmp_path: Path, gateway: Path, *args: str) -> tuple[sandbox.Process, Path]:
    (tmp_path / "ca.pem").write_text("x")
    address = Address(proxy="http://127.0.0.1:1", gateway_socket=gateway, ca_file=tmp_path / "ca.pem")
    metadata = sandbox.MetadataEndpoint(socket=tmp_path / "metadata.sock", port=0)
    output = tmp_path / "output"
    with output.open("wb") as file:
        return sandbox.start(
            "runc", container(tmp_path, *args), address=address, metadata=metadata, output=file
        ), output


def wait_until_ready(output: Path) -> None:
    while "ready" not in (said := output.read_text()):
        assert "runc run failed" not in said, said


@needs_runc
def test_it_has_its_images_root_and_reaches_nothing_but_the_gateway(tmp_path: Path, gateway: Path) -> None:
    root_with(tmp_path / "root", "bash", "cat", "head", "id", "ls", "tr")
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        port = str(theirs.getsockname()[1])
        process, output = started(tmp_path, gateway, "bash", "-c", LOOKS, "looks", port)
        assert process.wait() == 7
    said = output.read_text().splitlines()
    assert said[:5] == ["user 65532", "writes /tmp", "writes /dev/shm", "launcher a token", "gateway hello"]
    assert "network" not in said
    seen = {*said[-1].split()} - {"bin", "lib", "lib64", "usr", "sbin"}
    assert seen == {"app", "etc", "tmp", "run", "proc", "dev", "sys"}


@needs_runc
def test_it_ends_when_it_is_told_and_nothing_is_left_of_it(tmp_path: Path, gateway: Path) -> None:
    root_with(tmp_path / "root", "bash")
    waits = "trap 'echo told; exit 5' TERM; echo ready; while :; do read -t 0.1 <> <(:); done"
    process, output = started(tmp_path, gateway, "bash", "-c", waits)
    wait_until_ready(output)
    process.stop()
    assert process.wait() == 5
    assert "told" in output.read_text()
    listed = subprocess.run(["runc", "list", "--format", "json"], capture_output=True, text=True, check=True)
    bundles = [each["bundle"] for each in json.loads(listed.stdout) or []]
    assert str(tmp_path / "scratch" / "bundle") not in bundles


@needs_runc
def test_one_that_is_killed_has_no_say(tmp_path: Path, gateway: Path) -> None:
    root_with(tmp_path / "root", "bash")
    process, output = started(
        tmp_path, gateway, "bash", "-c", "trap '' TERM; echo ready; while :; do :; done"
    )
    wait_until_ready(output)
    process.kill()
    assert process.wait() != 0


def bundle(tmp_path: Path, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "root": tmp_path / "root",
        "args": ["python", "-m", "workload"],
        "env": {"A": "1"},
        "working_folder": "",
        "user_id": 65532,
        "hostname": "vm",
        "read_only": {"/etc/hosts": tmp_path / "hosts"},
        "in_memory": {"/dev/shm": 65536, "/tmp": 0},
    }
    runc.write_bundle(tmp_path / "bundle", **given | changes)
    return json.loads((tmp_path / "bundle" / "config.json").read_text())


def test_a_bundle_gives_a_process_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    document = bundle(tmp_path)
    process = document["process"]
    assert process["user"] == {"uid": 65532, "gid": 65532}
    assert (process["capabilities"], process["noNewPrivileges"], process["cwd"]) == ({}, True, "/")
    assert document["root"]["readonly"] is True
    options = {mount["destination"]: mount["options"] for mount in document["mounts"]}
    assert "ro" in options["/etc/hosts"]
    assert "size=65536" in options["/dev/shm"]
    assert not any(each.startswith("size=") for each in options["/tmp"])
    kinds = {each["type"] for each in document["linux"]["namespaces"]}
    assert kinds == {"pid", "ipc", "uts", "mount"}  # of the network it has the one that it is started in


def test_the_network_is_new_before_the_relay_begins(tmp_path: Path) -> None:
    command = runc.run_command(tmp_path, "name", ports={3128: tmp_path / "gateway.sock"})
    assert command[:2] == ["/usr/bin/unshare", "--net"]
    assert f"3128={tmp_path}/gateway.sock" in command
    assert command[command.index("run") :] == ["run", "--bundle", str(tmp_path), "name"]
    assert runc.discard_command("name")[1:] == ["delete", "--force", "name"]
