"""A word on a terminal about what takes longer than a person waits gladly."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE_S: Final = 2.0


@contextmanager
def patience(doing: str) -> Iterator[None]:
    """While this lasts longer than `PATIENCE_S`, a terminal's standard error says what is being done."""
    if not sys.stderr.isatty():
        yield
        return
    from .rendering import console  # heavy, and a quick answer has no need of it

    status = console(stderr=True).status(f"{doing} …")
    timer = threading.Timer(PATIENCE_S, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
