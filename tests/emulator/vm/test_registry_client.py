"""Layers: only what is under `/app`, only with the right digest, and never anywhere else."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.address import Address
from emulator.vm.registry_client import pull, unpack_layer
from policy.launch_spec import LaunchRefused

Member = tuple[str, dict[str, Any], bytes]


def _layer(*members: Member) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, attributes, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for attribute, value in attributes.items():
                setattr(member, attribute, value)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def unpack(tmp_path: Path) -> Callable[..., Path]:
    """Unpacks a layer; the folder that is `/app`."""
    app = tmp_path / "rootfs" / "app"
    app.mkdir(parents=True)

    def unpack(layer: bytes, *, gzipped: bool = False, diff_id: str = "") -> Path:
        file = io.BytesIO(gzip.compress(layer) if gzipped else layer)
        unpack_layer(file, app, diff_id=diff_id or _digest(layer), gzipped=gzipped)
        return app

    return unpack


@pytest.mark.parametrize("gzipped", [False, True])
def test_the_files_under_app_are_unpacked_and_the_base_layers_are_not(
    unpack: Callable[..., Path], gzipped: bool
) -> None:
    layer = _layer(
        ("app", {"type": tarfile.DIRTYPE}, b""),
        ("app/pkg/main.py", {"mode": 0o644}, b"x" * 100_000),
        ("./app/two.txt", {}, b"2"),
        ("etc/passwd", {}, b"root"),
        ("application/x", {}, b"no"),
    )
    app = unpack(layer, gzipped=gzipped)
    files = sorted(str(path.relative_to(app.parent)) for path in app.parent.rglob("*") if path.is_file())
    assert files == ["app/pkg/main.py", "app/two.txt"]
    assert (app / "pkg" / "main.py").read_bytes() == b"x" * 100_000


def test_a_later_layer_takes_away_what_it_whites_out(unpack: Callable[..., Path]) -> None:
    unpack(_layer(("app/a", {}, b""), ("app/d/b", {}, b""), ("app/e/c", {}, b"")))
    app = unpack(_layer(("app/.wh.a", {}, b""), ("app/.wh.d", {}, b""), ("app/e/.wh..wh..opq", {}, b"")))
    assert [path.name for path in app.rglob("*")] == ["e"]


def test_a_hard_link_inside_app_is_one(unpack: Callable[..., Path]) -> None:
    link = {"type": tarfile.LNKTYPE, "linkname": "app/a"}
    app = unpack(_layer(("app/a", {}, b"same"), ("app/b", link, b"")))
    assert (app / "b").read_bytes() == b"same"


def test_what_is_unpacked_is_its_users_own_and_nobody_elses_to_write(unpack: Callable[..., Path]) -> None:
    foreign = {"mode": 0o6777, "uid": 4711, "gid": 4711, "uname": "daemon", "gname": "daemon"}
    app = unpack(_layer(("app/run", foreign, b"#!")))
    facts = (app / "run").stat()
    assert (facts.st_mode & 0o7777, facts.st_uid, facts.st_gid) == (0o755, os.getuid(), os.getgid())


def test_a_member_that_would_take_something_outside_app_away_is_refused(
    unpack: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "rootfs" / "kept").touch()
    with pytest.raises(tarfile.TarError):
        unpack(_layer(("app/../.wh.kept", {}, b"")))
    assert (tmp_path / "rootfs" / "kept").exists()


@pytest.mark.parametrize(
    "member",
    [
        ("app/../../escaped", {}, b"x"),
        ("app/link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, b""),
        ("app/link", {"type": tarfile.SYMTYPE, "linkname": "../../escaped"}, b""),
        ("app/link", {"type": tarfile.LNKTYPE, "linkname": "etc/passwd"}, b""),
        ("app/sub/link", {"type": tarfile.SYMTYPE, "linkname": "../../../escaped"}, b""),
        ("app/link", {"type": tarfile.LNKTYPE, "linkname": "app/../../escaped"}, b""),
        ("app/device", {"type": tarfile.CHRTYPE}, b""),
    ],
)
def test_a_member_that_would_leave_app_is_refused(
    unpack: Callable[..., Path], tmp_path: Path, member: Member
) -> None:
    with pytest.raises((tarfile.TarError, ValueError)):
        unpack(_layer(member))
    assert [path.name for path in tmp_path.rglob("*")] == ["rootfs", "app"]


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_layer_that_is_not_what_its_digest_says_is_refused(
    unpack: Callable[..., Path], gzipped: bool
) -> None:
    with pytest.raises(LaunchRefused, match="a layer's uncompressed digest is"):
        unpack(_layer(("app/a", {}, b"")), gzipped=gzipped, diff_id=_digest(b""))


@pytest.mark.parametrize("reference", ["", "workload", "https://us-docker.pkg.dev/p/r/i", "h/i:tag@sha256:1"])
def test_a_reference_that_is_none_is_refused(tmp_path: Path, reference: str) -> None:
    address = Address(proxy="", gateway_socket=tmp_path, ca_file=tmp_path)
    with pytest.raises(LaunchRefused, match="invalid reference format"):
        pull(reference, token="t", address=address, files=tmp_path / "app")
