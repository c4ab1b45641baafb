"""A container run by runc from its image's own root file system: read-only, with neither rights nor network.

It begins in a network namespace that has loopback alone, where the relay's ports lead to the gateway and to
the metadata server. The relay itself runs outside of the container's root, by this machine's interpreter.

Source: opencontainers/runtime-spec, config.md and config-linux.md; opencontainers/runc, man/runc-run.8.md.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@cache
def why_not() -> str:
    """Why no container can be run by runc on this machine, or nothing."""
    if os.geteuid() != 0:
        return "runc needs root here, which unpacks an image with its owners"
    for program in ("runc", "unshare"):
        if not shutil.which(program, path=PATH):
            return f"{program} is not installed"
    return ""


def write_bundle(
    folder: Path,
    *,
    root: Path,
    args: Sequence[str],
    env: Mapping[str, str],
    working_folder: str,
    user_id: int,
    hostname: str,
    read_only: Mapping[str, Path],
    in_memory: Mapping[str, int],
) -> None:
    """`folder` is a bundle: `config.json`, for the root file system in `root`.

    `read_only`: what the container sees of this machine, by its path inside. `in_memory`: how many bytes of
    memory each of these folders may take; 0 is half of the machine's.
    """
    mounts = [
        _mount("/proc", "proc", "proc"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount(
            "/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"
        ),
        _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        _mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        *(
            _mount(
                path, "tmpfs", "tmpfs", "nosuid", "nodev", "mode=1777", *([f"size={size}"] if size else [])
            )
            for path, size in in_memory.items()
        ),
        *(_mount(path, "bind", str(source), "rbind", "ro") for path, source in read_only.items()),
    ]
    document = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": user_id, "gid": user_id},
            "args": list(args),
            "env": [f"{name}={value}" for name, value in env.items()],
            "cwd": working_folder or "/",
            "capabilities": {},
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "hostname": hostname,
        "mounts": mounts,
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "maskedPaths": [
                "/proc/kcore",
                "/proc/keys",
                "/proc/timer_list",
                "/proc/sched_debug",
                "/sys/firmware",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


def run_command(bundle: Path, name: str, *, ports: Mapping[int, Path]) -> list[str]:
    """Runs the bundle as the container `name`; `ports` of its loopback lead to Unix sockets."""
    here = Path(__file__).parent
    runc = shutil.which("runc", path=PATH) or "runc"
    python = [sys.executable, "-I", "-S"]
    relay = [*python, str(here / "relay.py"), *(f"{port}={path}" for port, path in ports.items()), "--"]
    container = [runc, "run", "--bundle", str(bundle), name]
    return ["/usr/bin/unshare", "--net", "--", *python, str(here / "loopback.py"), *relay, *container]


def discard_command(name: str) -> list[str]:
    """The command after which nothing of the container `name` is left."""
    return [shutil.which("runc", path=PATH) or "runc", "delete", "--force", name]


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}
