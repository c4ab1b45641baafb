"""What the broker says of itself: one JSON object a line, of what happened, to whom by digest, and how long.

    {"at": "2026-11-27T10:00:00.000Z", "event": "answered", "call": "release", "status": 200, …}

INVARIANT: a field is a number, a digest, a name of 32 hex digits, or a word or sentence of this program's. No
body, no token, no message of another program's is written: what is not there cannot be read out of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

_MOST_CHARACTERS = 200


class EventLog:
    """Lines on a stream; any thread may write one."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float]) -> None:
        self._stream, self._clock = stream, clock
        self._turn = threading.Lock()

    def write(self, event: str, **fields: str | int | float | None) -> None:
        """One line; what is None is left out. A reader that has left costs lines, and no answer."""
        moment = datetime.fromtimestamp(self._clock(), UTC)
        at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {
            name: value[:_MOST_CHARACTERS] if isinstance(value, str) else value
            for name, value in fields.items()
            if value is not None
        }
        line = json.dumps({"at": at, "event": event, **said})
        with self._turn:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads it any more
                return
