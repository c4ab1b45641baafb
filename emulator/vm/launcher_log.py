r"""The launcher's own log: each line on the serial port, and as a structured entry in Cloud Logging.

On the serial port a line is what Go's slog writes as text: `time=… level=INFO msg=… key=value`.

Source: google/go-tpm-tools, launcher/internal/logging/logging.go at 67670e5c021a (21 August 2026); Go,
log/slog/text_handler.go.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from policy.go_text import print_strings

from .serial_log import SerialLog

Send = Callable[[str, Mapping[str, object]], None]
"""Tells Cloud Logging of an entry: its severity, and its payload."""


class LauncherLog:
    """Writes a message, and the values that belong to it, to both places."""

    def __init__(self, serial: SerialLog, clock: Callable[[], float], send: Send) -> None:
        self._serial = serial
        self._clock = clock
        self._send = send

    def info(self, message: str, **values: object) -> None:
        """Something happened."""
        self._log("INFO", message, values)

    def error(self, message: str, **values: object) -> None:
        """Something failed."""
        self._log("ERROR", message, values)

    def _log(self, level: str, message: str, values: Mapping[str, object]) -> None:
        time = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        said = {"time": time.replace("+00:00", "Z"), "level": level, "msg": message, **values}
        line = " ".join(f"{key}={_quoted(value)}" for key, value in said.items())
        self._serial.write(f"{line}\n".encode())
        self._send(level, {**values, "MESSAGE": message})


def _quoted(value: object) -> str:
    r"""A value as Go's text handler writes it.

    >>> print(_quoted("rebooting VM"), _quoted(3), _quoted(["a", "b"]), _quoted("a\n"), _quoted(""))
    "rebooting VM" 3 "[a b]" "a\n" ""
    """
    text = print_strings(value) if isinstance(value, (list, tuple)) else str(value)
    plain = text and text.isprintable() and not set(text) & set(' ="')
    return text if plain else json.dumps(text, ensure_ascii=False)
