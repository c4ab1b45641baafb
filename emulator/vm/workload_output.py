"""Where a workload's stdout and stderr go: the serial port, Cloud Logging, both, or nowhere.

In Cloud Logging each line is an entry: what was written to stdout is `INFO`, to stderr `ERROR`. On the
serial port it is what it was.

Source: google/go-tpm-tools at 67670e5c021a (21 August 2026), launcher/container_runner.go (`Run`),
launcher/internal/logging/logging.go (`JSONSeverityWriter`) and launcher/image/fluent-bit-cs.conf.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

from .launcher_log import Send

_GRACE_S = 2
_LONGEST_LINE = 64 * 1024

REDIRECTED = {
    "false": "Container stdout/stderr will not be redirected.",
    "true": "Container stdout/stderr will be redirected to serial and Cloud Logging. "
    "This may result in performance issues due to slow serial console writes.",
    "cloud_logging": "Container stdout/stderr will be redirected to journald (JSON) for FluentBit scraping.",
    "serial": "Container stdout/stderr will be redirected to serial logging. "
    "This may result in performance issues due to slow serial console writes.",
}
"""What `tee-container-log-redirect` says → the launcher's sentence about it."""

_Sink = Callable[[bytes], None]


@contextmanager
def redirected(where: str, serial: _Sink, send: Send) -> Iterator[tuple[int, int]]:
    """The files that a workload's stdout and stderr are; afterwards, what it wrote has arrived.

    `where` is one of `REDIRECTED`; `serial` takes bytes as they are.
    """
    with ExitStack() as pipes:
        if where == "false":
            yield subprocess.DEVNULL, subprocess.DEVNULL
        elif where == "serial":
            both = pipes.enter_context(_pipe([serial]))
            yield both, both
        else:
            also = [serial] if where == "true" else []
            out, errors = (
                pipes.enter_context(_pipe([*also, _Lines(severity, send).write]))
                for severity in ("INFO", "ERROR")
            )
            yield out, errors


@contextmanager
def _pipe(sinks: list[_Sink]) -> Iterator[int]:
    """A pipe's end to write to; what is written there goes to every sink."""
    reading, writing = os.pipe()
    copying = Thread(target=_copy, args=(reading, sinks), daemon=True)
    copying.start()
    try:
        yield writing
    finally:
        os.close(writing)
        copying.join(_GRACE_S)  # a bare workload's own children may hold the other end


def _copy(source: int, sinks: list[_Sink]) -> None:
    with open(source, "rb", buffering=0) as file:
        while True:
            data = file.read(65536)
            for sink in sinks:
                sink(data)
            if not data:
                return


class _Lines:
    """Sends bytes on as entries, each line as soon as it is whole."""

    def __init__(self, severity: str, send: Send) -> None:
        self._severity = severity
        self._send = send
        self._rest = b""

    def write(self, data: bytes) -> None:
        """The lines that end in `data` have been sent; with no data, what is left is one as well."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data or len(self._rest) > _LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            text = line.rstrip(b"\r").decode("utf-8", errors="replace")
            if text:
                self._send(self._severity, {"message": text})
