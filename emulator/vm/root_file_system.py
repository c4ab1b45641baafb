"""A layer unpacked whole, as the root file system of a container that is run from it.

Owners and modes are the image's, so this is for root alone. Whatever would leave the folder is refused: the
image is somebody else's. What lies below `/dev` is left out, since a runtime makes that anew.

Source: opencontainers/image-spec, layer.md.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


def unpack(archive: tarfile.TarFile, root: Path) -> None:
    """The archive's members are below `root`, over whatever a lower layer had there.

    Raises:
        tarfile.TarError: one would be outside of it, or is of a kind that no image needs.
    """
    root.chmod(0o755)  # whatever this process's own mask is: the container's user has to enter it
    folders: list[tuple[Path, tarfile.TarInfo]] = []
    for member in archive:
        path = PurePosixPath("/", member.name)
        if path == PurePosixPath("/") or path.parts[1] == "dev":
            continue
        if ".." in path.parts:
            raise _outside(member)
        place = _inside(root, path.parent, member) / path.name
        if path.name.startswith(_WHITEOUT):
            _white_out(place)
            continue
        _make(archive, member, place, root)
        if member.isdir():
            folders.append((place, member))
    for place, member in folders:  # last, since what is put into a folder changes its time
        os.utime(place, (member.mtime, member.mtime))


def _inside(root: Path, parent: PurePosixPath, member: tarfile.TarInfo) -> Path:
    """The folder that `parent` is below `root`, made where it is missing."""
    place = root / parent.relative_to("/")
    real = place.resolve()
    if not real.is_relative_to(root.resolve()):
        raise _outside(member)
    missing = [folder for folder in (real, *real.parents) if not folder.exists()]
    real.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        folder.chmod(0o755)
    return real


def _make(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path, root: Path) -> None:
    if member.isdir():
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            place.unlink()
        place.mkdir(exist_ok=True)
    else:
        _remove(place)
        if member.issym():
            place.symlink_to(member.linkname)
        elif member.islnk():
            target = PurePosixPath("/", member.linkname)
            if ".." in target.parts:
                raise _outside(member)
            linked = _inside(root, target.parent, member) / target.name
            if linked.is_symlink():
                raise _outside(member)
            os.link(linked, place)
            return
        elif member.isfile() and (content := archive.extractfile(member)) is not None:
            with place.open("xb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
        else:
            raise tarfile.TarError(f"{member.name!r} is neither file, folder nor link")
    os.chown(place, member.uid, member.gid, follow_symlinks=False)
    if not member.issym():
        place.chmod(member.mode & 0o7777)
        os.utime(place, (member.mtime, member.mtime))


def _white_out(marker: Path) -> None:
    """The files that a lower layer had there are gone."""
    if marker.name == _OPAQUE:
        for each in marker.parent.iterdir():
            _remove(each)
    else:
        _remove(marker.with_name(marker.name[len(_WHITEOUT) :]))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _outside(member: tarfile.TarInfo) -> tarfile.TarError:
    return tarfile.TarError(f"{member.name!r} would be outside the container's files")
