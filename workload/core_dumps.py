"""No image of this process's memory, with the model and its key in it, is written anywhere or read by
another.

Source: setrlimit(2), RLIMIT_CORE; prctl(2), PR_SET_DUMPABLE, which also keeps other processes of the same
user from tracing this one.
"""

from __future__ import annotations

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4


def forbid() -> None:
    """From now on a crash of this process leaves no core dump, and no process without privileges reads it.

    Raises:
        OSError: the kernel does not do it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
