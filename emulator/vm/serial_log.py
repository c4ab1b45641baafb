"""The instance's serial port 1, as far as the launcher and the workload write to it."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

_LARGEST_ANSWER = 1024 * 1024  # bytes of one getSerialPortOutput, as Compute Engine documents


class SerialLog:
    """Appends to `path`; readable while it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def write(self, data: bytes) -> None:
        """Bytes, as they are."""
        with self._lock, self._path.open("ab") as file:
            file.write(data)

    def read(self, start: int) -> tuple[int, str, int]:
        """The output from byte `start` on: where it really starts, the text, and where to go on."""
        if not self._path.exists():
            return 0, "", 0
        with self._path.open("rb") as file:
            end = file.seek(0, 2)
            start = min(start, end) if start else max(0, end - _LARGEST_ANSWER)
            file.seek(start)
            data = file.read(_LARGEST_ANSWER)
        return start, data.decode("utf-8", errors="replace"), start + len(data)
