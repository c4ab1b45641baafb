"""Scratch space, which is memory in the image, and small unless the operator asks for more.

INVARIANT: what is written here goes to `TMPDIR` or nowhere. Python's own choice of a folder would be another
one where that is full: one that is no memory.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attestation.errors import Misconfigured

_FULL = (errno.ENOSPC, errno.EDQUOT)
_open: set[Path] = set()


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Within the block, which writes `what`, full scratch space is said to be so.

    Raises:
        Misconfigured: it is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise Misconfigured(
            f"{what} does not fit into the machine's scratch memory",
            hint="launch a larger machine, or set `tee-dev-shm-size-kb`",
        ) from None


def scratch_file() -> io.BufferedRandom:
    """A file without a name, which is gone once it is closed."""
    return tempfile.TemporaryFile(dir=_memory())


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="symbolon-", dir=_memory(), ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _open.add(folder)
        yield folder
    _open.discard(folder)


def _memory() -> str | None:
    """Where the image has scratch; None outside of one: Python's own choice."""
    return os.environ.get("TMPDIR")


def clear() -> None:
    """No scratch folder of this process is left, whoever still uses it."""
    for folder in tuple(_open):
        shutil.rmtree(folder, ignore_errors=True)
