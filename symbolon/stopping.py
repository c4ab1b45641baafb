"""A signal that asks the command to end is an exception in it, as Ctrl-C is: what was begun is taken down."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ASKS: Final = (signal.SIGTERM, signal.SIGHUP)
"""What a service manager sends, or `timeout`, or a terminal that is closed."""


class Stopped(KeyboardInterrupt):
    """Somebody asked the command to end, by the signal of that number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def stopping_by_signals() -> Iterator[None]:
    """Within the block the first such signal raises `Stopped`, and further ones wait for what is taken down.

    One that is ignored stays ignored: whoever typed `nohup` wants it so. Only a main thread hears signals;
    in another one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ASKS}
    ours = [number for number, handler in before.items() if handler not in (None, signal.SIG_IGN)]

    def stop(number: int, frame: FrameType | None) -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    try:
        for number in ours:
            signal.signal(number, stop)
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def exit_code_of(stop: KeyboardInterrupt) -> int:
    """What a shell gives a program that ended by that signal.

    >>> exit_code_of(Stopped(signal.SIGTERM)), exit_code_of(KeyboardInterrupt())
    (143, 130)
    """
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)
