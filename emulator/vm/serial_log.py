"""The instance's serial port 1, as far as the launcher and the workload write to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

_LARGEST_ANSWER = 1024 * 1024  # bytes of one getSerialPortOutput, as Compute Engine documents


class SerialLog:
    """Appends to `path`; readable while it grows. `on_line` is told each line of the launcher's as well."""

    def __init__(
        self, path: Path, clock: Callable[[], float], *, on_line: Callable[[str], None] = lambda _line: None
    ) -> None:
        self._path = path
        self._clock = clock
        self._on_line = on_line
        self._lock = Lock()

    def say(self, message: str) -> None:
        """A line of the launcher's, with the time as Go's `log` package has it."""
        time = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y/%m/%d %H:%M:%S")
        self.write(f"{time} {message}\n".encode())
        self._on_line(message)

    def write(self, data: bytes) -> None:
        """Bytes of the workload's."""
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
