"""Where a workload runs: in bubblewrap where this machine permits it, else bare; by runc where that is asked.

In bubblewrap the container has no network at all: loopback ports lead through `relay.py` to the
gateway and the metadata server, and nowhere else. It sees its own layer at `/app`, which root alone
may write to, tmpfs, the launcher's folder, and as its base layer this machine's Python environment,
all else read-only; not the user's home, not the emulator's state. Bare, it runs as an ordinary child
process with the proxy as its way out: whoever ignores `HTTPS_PROXY` there is not stopped, and the demo
says so. By runc it has its image's own root file system, and nothing of this machine's: see `runc.py`.

Only what the container could not know on Google's network either is added to its environment
after it was measured: the proxy, its certificate authority, the metadata server, and `PATH`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Literal

from policy.launch_spec import TmpfsMount

from ..address import Address, client_env
from . import runc

Kind = Literal["bubblewrap", "bare", "runc"]

CONTAINER_LAUNCHER = "/run/container_launcher"
_INSIDE = "/run/symbolon"
_GATEWAY_PORT = 3128
_METADATA_PORT = 8980
_DEFAULT_DEV_SHM_BYTES = 64 * 1024 * 1024  # containerd's, and so Confidential Space's
_DEFAULT_USER_ID = 65532
_UMASK = 0o022  # containerd's; the emulator's own is stricter
_SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/sys/devices/system")
_SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/ssl/certs",
)
_PROBE_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What the launcher has prepared: the process, and the folders it may see."""

    args: tuple[str, ...]
    env: Mapping[str, str]
    working_folder: str
    user: str
    hostname: str
    files: Path
    """The image's files below `/app`, which is `/app` in the container; by runc all of them, and its root."""
    launcher_folder: Path
    """Token file and teeserver socket: `/run/container_launcher` in the container."""
    scratch: Path
    """Small files for the container's `/etc`, and the home of a bare one."""
    dev_shm_bytes: int = 0
    mounts: tuple[TmpfsMount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataEndpoint:
    """Where the instance's metadata server listens: a Unix socket for bubblewrap, a port for bare."""

    socket: Path
    port: int


@dataclass(frozen=True, slots=True)
class Process:
    """A workload that runs."""

    kind: Kind
    _process: subprocess.Popen[bytes] = field(repr=False)
    _discard: tuple[str, ...] = field(default=(), repr=False)

    def wait(self) -> int:
        """Its exit status, once it has one; 128 and the signal's number where a signal ended it."""
        status = self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._clear_away()
        return status if status >= 0 else 128 - status

    def stop(self) -> None:
        """It is told to end: SIGTERM for the entrypoint."""
        if self._process.stdin is not None:
            self._process.stdin.close()  # the relay, waiting for this, passes SIGTERM on
        else:
            self._process.terminate()

    def kill(self) -> None:
        """It has no say any more."""
        self._clear_away()
        self._process.kill()

    def _clear_away(self) -> None:
        if self._discard:
            subprocess.run(self._discard, capture_output=True, check=False)


@cache
def _bubblewrap() -> str:
    """Where the program is, or nothing: a container starts with an empty environment, so without a `PATH`."""
    return shutil.which("bwrap") or ""


@cache
def why_not_bubblewrap() -> str:
    """Why no bubblewrap container can be made on this machine, or nothing; tried once a process."""
    if not _bubblewrap():
        return "bubblewrap is not installed"
    python = [sys.executable, "-I", "-S", "-c", "pass"]
    if not _runs(
        [_bubblewrap(), "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", *python]
    ):
        return "bubblewrap is installed, but this machine does not permit its namespaces"
    if not _runs([*_world(), *_tmpfs("/app", 0), *python]):
        return "bubblewrap works, but this environment's Python does not start in it"
    return ""


def _runs(command: list[str]) -> bool:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_PROBE_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError):
        return False
    return True


def best_kind() -> Kind:
    """The strongest sandbox that this machine permits."""
    return "bare" if why_not_bubblewrap() else "bubblewrap"


def start(
    kind: Kind,
    container: Container,
    *,
    address: Address,
    metadata: MetadataEndpoint,
    output: IO[bytes] | int,
    errors: int = subprocess.STDOUT,
) -> Process:
    """The container's process runs; stdout goes to `output`, and stderr there as well or to `errors`."""
    if kind == "runc":
        command, discard = _runc_commands(container, address, metadata)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            env={"PATH": runc.PATH},
            umask=_UMASK,
        )
        return Process("runc", process, discard)
    if kind == "bubblewrap":
        command = _bubblewrap_command(container, address, metadata)
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=errors, env={}, umask=_UMASK
        )
        return Process("bubblewrap", process)
    home = container.scratch / "home"
    home.mkdir(exist_ok=True)
    proxy_env = _network_env(
        proxy=address.proxy, ca_file=str(address.ca_file), metadata=f"127.0.0.1:{metadata.port}"
    )
    process = subprocess.Popen(
        _bare_command(container),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env={**container.env, **proxy_env, "PATH": _path(container), "HOME": str(home)},
        cwd=_inside_app(container),
        umask=_UMASK,
    )
    return Process("bare", process)


def why_not_bare(container: Container) -> str:
    """Why the workload cannot run without a container, or nothing: it wants paths that one alone has.

    A package with a `container.py` is told where the launcher's folder is: see `bare.py`.
    """
    for argument in container.args:
        if argument.startswith(("/app/", CONTAINER_LAUNCHER)):
            return f"`{argument}` is a path inside a container; this machine has none: install bubblewrap"
    scripts = [argument for argument in container.args if argument.endswith(".py")]
    for script in scripts:
        path = _inside_app(container) / script
        if path.is_file() and CONTAINER_LAUNCHER in path.read_text("utf-8", errors="replace"):
            return f"`{script}` uses `{CONTAINER_LAUNCHER}`, which a container alone has: install bubblewrap"
    return ""


def _network_env(*, proxy: str, ca_file: str, metadata: str) -> dict[str, str]:
    """Google and the metadata server, both on this machine."""
    return {
        **client_env(proxy=proxy, ca_file=ca_file),
        "GCE_METADATA_HOST": metadata,
        "GCE_METADATA_IP": metadata,
    }


def _path(container: Container) -> str:
    """`PATH` with this environment's interpreter first: it stands for the image's base layer."""
    return f"{sys.prefix}/bin:{container.env.get('PATH', '/usr/bin:/bin')}"


def _inside_app(container: Container) -> Path:
    """The working folder of a bare container; one outside `/app` does not exist there."""
    folder = Path(container.working_folder)
    return container.files / folder.relative_to("/app") if folder.is_relative_to("/app") else container.files


def _bare_command(container: Container) -> list[str]:
    """The entrypoint; a Python module is told where the launcher's folder really is.

    It is told so from its working folder: a Unix socket's whole path may be too long to connect to.
    """
    program, *rest = container.args
    if Path(program).name not in ("python", "python3"):
        return list(container.args)
    if "-m" not in rest:
        return [sys.executable, *rest]
    cut = rest.index("-m")
    bare = str(Path(__file__).with_name("bare.py"))
    launcher_folder = os.path.relpath(container.launcher_folder, _inside_app(container))
    return [sys.executable, *rest[:cut], "-P", bare, launcher_folder, *rest[cut + 1 :]]


def _bubblewrap_command(container: Container, address: Address, metadata: MetadataEndpoint) -> list[str]:
    user_id, user_name = _parse_user(container.user)
    env = {
        **container.env,
        **_network_env(
            proxy=f"http://127.0.0.1:{_GATEWAY_PORT}",
            ca_file=f"{_INSIDE}/ca.pem",
            metadata=f"127.0.0.1:{_METADATA_PORT}",
        ),
        "PATH": _path(container),
        "HOME": container.env.get("HOME", "/"),
    }
    sockets = {"gateway.sock": address.gateway_socket, "metadata.sock": metadata.socket}
    relay = Path(__file__).with_name("relay.py")
    command = [*_world(), "--die-with-parent", "--new-session"]
    command += ["--uid", str(user_id), "--gid", str(user_id), "--hostname", container.hostname]
    command += _etc(container.scratch, user_id, user_name, container.hostname)
    command += _tmpfs("/dev/shm", container.dev_shm_bytes or _DEFAULT_DEV_SHM_BYTES)  # noqa: S108
    for mount in container.mounts:
        command += _tmpfs(mount.destination, mount.size_bytes)
    # An image's files are root's: whoever else the container is reads them.
    command += ["--ro-bind" if user_id else "--bind", str(container.files), "/app"]
    command += ["--ro-bind", str(container.launcher_folder), CONTAINER_LAUNCHER]
    command += ["--ro-bind", str(address.ca_file), f"{_INSIDE}/ca.pem"]
    command += ["--ro-bind", str(relay), f"{_INSIDE}/relay.py"]
    for name, path in sockets.items():
        command += ["--bind", str(path), f"{_INSIDE}/{name}"]
    for name, value in env.items():
        command += ["--setenv", name, value]
    command += ["--remount-ro", "/", "--chdir", container.working_folder or "/"]
    command += ["--", sys.executable, "-I", "-S", f"{_INSIDE}/relay.py"]
    command += [f"{_GATEWAY_PORT}={_INSIDE}/gateway.sock", f"{_METADATA_PORT}={_INSIDE}/metadata.sock"]
    return [*command, "--", *container.args]


def _runc_commands(
    container: Container, address: Address, metadata: MetadataEndpoint
) -> tuple[list[str], tuple[str, ...]]:
    """How the container is run by runc, and how what is left of it is removed."""
    user_id, _ = _parse_user(container.user)
    hosts, authority = container.scratch / "hosts", container.scratch / "ca.pem"
    hosts.write_text(f"127.0.0.1 localhost {container.hostname}\n", encoding="utf-8")
    authority.write_bytes(address.ca_file.read_bytes())
    for shown in (hosts, authority):  # to another user of this machine: there is no namespace of users
        shown.chmod(0o644)
    container.launcher_folder.chmod(0o755)
    network = _network_env(
        proxy=f"http://127.0.0.1:{_GATEWAY_PORT}",
        ca_file=f"{_INSIDE}/ca.pem",
        metadata=f"127.0.0.1:{_METADATA_PORT}",
    )
    bundle, name = container.scratch / "bundle", f"symbolon-{uuid.uuid4().hex}"
    runc.write_bundle(
        bundle,
        root=container.files,
        args=container.args,
        env={"HOME": "/", **container.env, **network},
        working_folder=container.working_folder,
        user_id=user_id,
        hostname=container.hostname,
        read_only={
            CONTAINER_LAUNCHER: container.launcher_folder,
            f"{_INSIDE}/ca.pem": authority,
            "/etc/hosts": hosts,
        },
        in_memory={
            "/dev/shm": container.dev_shm_bytes or _DEFAULT_DEV_SHM_BYTES,  # noqa: S108
            "/tmp": 0,  # noqa: S108
            **{mount.destination: mount.size_bytes for mount in container.mounts},
        },
    )
    ports = {_GATEWAY_PORT: address.gateway_socket, _METADATA_PORT: metadata.socket}
    return runc.run_command(bundle, name, ports=ports), tuple(runc.discard_command(name))


def _world() -> list[str]:
    """Namespaces of its own, empty temporary folders, and the base layer: what every container starts from.

    In this order, because the environment may itself be below a temporary folder.
    """
    world = [_bubblewrap(), "--unshare-all", "--proc", "/proc", "--dev", "/dev"]
    world += [*_tmpfs("/tmp", 0), *_tmpfs("/var/tmp", 0)]  # noqa: S108  inside the container
    return world + _base_layer()


def _tmpfs(destination: str, size_bytes: int) -> list[str]:
    size = ["--size", str(size_bytes)] if size_bytes else []
    return ["--perms", "1777", *size, "--tmpfs", destination]


def _base_layer() -> list[str]:
    """This machine's system libraries and Python environment, read-only, at their own paths."""
    arguments: list[str] = []
    for folder in map(Path, _SYSTEM_FOLDERS):
        if folder.is_symlink():
            arguments += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.exists():
            arguments += ["--ro-bind", str(folder), str(folder)]
    for file in _SYSTEM_FILES:
        arguments += ["--ro-bind-try", file, file]
    for prefix in _python_prefixes():
        arguments += ["--ro-bind", prefix, prefix]
    return arguments


def _python_prefixes() -> list[str]:
    """The folders that this interpreter and its packages are in, and no folder above them."""
    real = Path(sys.executable).resolve().parent.parent
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve(), real}
    return sorted(str(prefix) for prefix in prefixes if not prefix.is_relative_to("/usr") and prefix.name)


def _parse_user(user: str) -> tuple[int, str]:
    """The number and name of the image's `USER`; a name's number is in no passwd file of ours."""
    name = user.partition(":")[0] or "root"
    if name.isdigit():
        return int(name), "workload" if int(name) else "root"
    return (0, "root") if name == "root" else (_DEFAULT_USER_ID, name)


def _etc(scratch: Path, user_id: int, user_name: str, hostname: str) -> list[str]:
    files = {
        "passwd": f"{user_name}:x:{user_id}:{user_id}::/:/bin/sh\n",
        "group": f"{user_name}:x:{user_id}:\n",
        "hosts": f"127.0.0.1 localhost {hostname}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    arguments: list[str] = []
    for name, text in files.items():
        path = scratch / name
        path.write_text(text, encoding="utf-8")
        arguments += ["--ro-bind", os.fspath(path), f"/etc/{name}"]
    return arguments
