"""Photos as files of a folder, each read after a wait, as if a network lay between."""

from __future__ import annotations

import os
import time


class Files:
    """Several threads may read; `latency_s` may change meanwhile."""

    def __init__(self, folder: str, *, latency_s: float) -> None:
        self._folder = folder + os.sep
        self.latency_s = latency_s

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        if self.latency_s:
            time.sleep(self.latency_s)
        with open(self._folder + name, "rb") as file:
            return file.read()
