"""SIGTERM and SIGINT end the job: it unwinds by itself, and where it cannot, it ends all the same.

The first signal is raised where the main thread is, as `KeyboardInterrupt`; those that follow change nothing.
A call that does not return (a library that loads a model, a service that hangs) hears no signal, so a thread
hears it as well, and ends the process before the launcher would kill it.

Source: google/go-tpm-tools, launcher/container_runner.go: SIGKILL follows ten seconds after SIGTERM.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from threading import Thread

from . import scratch
from .reporting import say

STOPPED = 5
"""`ExitCode.UNAVAILABLE`: the same job goes on when it is started again."""
UNWINDS_WITHIN_S = 7.0


def hear_signals(*, end: Callable[[int], object] = os._exit) -> None:
    """From now on a signal ends this process, also where whoever started it ignored them."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    Thread(target=_end_in_time, args=(heard, end), name="stopping", daemon=True).start()
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _end_in_time(heard: int, end: Callable[[int], object]) -> None:
    os.read(heard, 1)
    time.sleep(UNWINDS_WITHIN_S)
    scratch.clear()
    say("the job did not end by itself after it was stopped", severity="WARNING", exit_code=STOPPED)
    end(STOPPED)
