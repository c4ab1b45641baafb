"""A layer unpacked whole by root: everything is where the image has it, and nothing outside of the folder."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.vm.root_file_system import unpack

Member = tuple[tarfile.TarInfo, bytes]
root_alone = pytest.mark.skipif(os.geteuid() != 0, reason="owners are root's to give")


def member(name: str, content: bytes = b"", **fields: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    return member(name, type=kind, linkname=target)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    root = tmp_path / "root"
    root.mkdir()

    def put(*members: Member) -> Path:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for info, content in members:
                archive.addfile(info, io.BytesIO(content))
        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            unpack(archive, root)
        return root

    return put


@root_alone
def test_owners_modes_and_links_are_the_images(put: Callable[..., Path]) -> None:
    root = put(
        member("usr/bin", type=tarfile.DIRTYPE, mode=0o755),
        member("usr/bin/su", b"x", mode=0o4755, uid=0, gid=7),
        link("bin", "usr/bin"),
        member("./bin/sh", b"y", mode=0o755),
        link("etc/alternatives/sh", "/usr/bin/sh"),
        link("usr/bin/dash", "usr/bin/sh", tarfile.LNKTYPE),
        member("home/workload/file", b"z", mode=0o600, uid=65532, gid=65532),
    )
    su = (root / "usr/bin/su").stat()
    assert (su.st_mode & 0o7777, su.st_uid, su.st_gid) == (0o4755, 0, 7)
    assert (root / "usr/bin/sh").read_bytes() == b"y"
    assert (root / "usr/bin/dash").stat().st_ino == (root / "usr/bin/sh").stat().st_ino
    assert (root / "etc/alternatives/sh").readlink() == Path("/usr/bin/sh")
    assert (root / "home/workload/file").stat().st_uid == 65532


@root_alone
def test_whoever_the_container_is_may_enter_what_no_layer_names(put: Callable[..., Path]) -> None:
    before = os.umask(0o077)  # the emulator's own
    try:
        root = put(member("usr/local/bin/python", b"x", mode=0o755))
    finally:
        os.umask(before)
    for folder in (root, root / "usr", root / "usr/local", root / "usr/local/bin"):
        assert folder.stat().st_mode & 0o777 == 0o755


@root_alone
def test_an_upper_layer_replaces_and_removes(put: Callable[..., Path]) -> None:
    put(
        member("a/old", b"1"),
        member("a/kept", b"2"),
        member("b/x", b"3"),
        member("c/d", b"4"),
        member("e", b"5"),
    )
    root = put(
        member("a/.wh.old"),
        member("b/.wh..wh..opq"),
        member("b/y", b"6"),
        member("c", b"7"),
        member("e", type=tarfile.DIRTYPE, mode=0o700),
    )
    assert sorted(path.name for path in (root / "a").iterdir()) == ["kept"]
    assert sorted(path.name for path in (root / "b").iterdir()) == ["y"]
    assert (root / "c").read_bytes() == b"7"
    assert (root / "e").is_dir()


@root_alone
def test_devices_are_left_to_the_runtime(put: Callable[..., Path]) -> None:
    root = put(member("dev/null", type=tarfile.CHRTYPE), member("etc/x", b"1"))
    assert [path.name for path in root.iterdir()] == ["etc"]


@pytest.mark.parametrize(
    "members",
    [
        [member("../x", b"1")],
        [member("a/../../x", b"1")],
        [link("a", "/"), member("a/tmp/x", b"1")],
        [link("a", "../.."), member("a/x", b"1")],
        [link("a", "../outside", tarfile.LNKTYPE)],
        [link("s", "/etc/passwd"), link("a", "s", tarfile.LNKTYPE)],
        [member("a", type=tarfile.CHRTYPE)],
        [member("a", type=tarfile.FIFOTYPE)],
    ],
)
def test_nothing_leaves_the_folder(put: Callable[..., Path], tmp_path: Path, members: list[Member]) -> None:
    (tmp_path / "outside").write_text("theirs")
    with pytest.raises(tarfile.TarError):
        put(*members)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "root"]
    assert (tmp_path / "outside").stat().st_nlink == 1
