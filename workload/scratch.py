"""Scratch space, which is memory in the image, and small unless the operator asks for more."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from attestation.errors import Misconfigured


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Within the block, which writes `what`, full scratch space is said to be so.

    Raises:
        Misconfigured: it is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise Misconfigured(
            f"{what} does not fit into the machine's scratch memory",
            hint="launch a larger machine, or set `tee-dev-shm-size-kb`",
        ) from None
