"""A folder for what is gone at the end, and whether a disk has room for it before anything is begun."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attestation.errors import Misconfigured

_MEGABYTE = 1_000_000
OTHER_DISK = "/other/disk"


@contextmanager
def scratch_folder(*, megabytes: int = 0) -> Iterator[Path]:
    """An empty folder of one's own, with that much room, and gone with the end of the block.

    Raises:
        Misconfigured: no disk takes it, or the one for temporary files has less room.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="symbolon-", ignore_cleanup_errors=True)
    except OSError:
        raise Misconfigured(
            "no folder for temporary files can be written: the disks are full or read-only",
            hint=f"name one that can: TMPDIR={OTHER_DISK}",
        ) from None
    with folder as name:
        require_room(Path(name), megabytes, what="for temporary files", variable="TMPDIR")
        yield Path(name)


def require_room(folder: Path, megabytes: int, *, what: str, variable: str) -> None:
    """The disk of that folder has this much room; `variable` names another folder to a person.

    Raises:
        Misconfigured: it has less.
    """
    free = shutil.disk_usage(folder).free
    if free < megabytes * _MEGABYTE:
        raise Misconfigured(
            f"the disk {what} has {free // _MEGABYTE} MB free, and this needs about {megabytes}",
            hint=f"make room, or name another disk: {variable}={OTHER_DISK}",
        )
