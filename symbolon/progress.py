"""A word on a terminal about what takes longer than a person waits gladly."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.status import Status

PATIENCE_S: Final = 2.0


@contextmanager
def patience(doing: str) -> Iterator[None]:
    """While this lasts longer than `PATIENCE_S`, a terminal's standard error says what is being done."""
    if not sys.stderr.isatty():
        yield
        return
    shown: list[Status] = []
    timer = threading.Timer(PATIENCE_S, lambda: shown.append(_started(doing)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for status in shown:
            status.stop()


def _started(doing: str) -> Status:
    from rich.console import Console  # heavy, and a quick answer has no need of it

    status = Console(stderr=True).status(f"{doing} …")
    status.start()
    return status
