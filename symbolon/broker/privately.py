"""The files and the memory of a broker's command are this account's alone, while it runs and no longer."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

_ITS_OWNERS = 0o077


@contextmanager
def privately() -> Iterator[None]:
    """Whatever any library writes within the block nobody else may read, and no core dump is written.

    Afterwards both are as they were: this may be a process that does other things too.
    """
    mask = os.umask(_ITS_OWNERS)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
        os.umask(mask)
