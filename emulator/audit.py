"""An audit log of every decision, as JSON Lines: who asked for what of which service, and the answer.

It never holds a credential. Cloud Audit Logs' field names are used where one fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock


class AuditLog:
    """Appends one JSON object a decision to `path`; readable while it grows."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock
        self._lock = Lock()

    def record(
        self,
        *,
        service: str,
        method: str,
        principal: str,
        resource: str,
        granted: bool,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """One decision is on disk."""
        entry: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds"),
            "serviceName": service,
            "methodName": method,
            "principal": principal,
            "resourceName": resource,
            "granted": granted,
        }
        if detail:
            entry["detail"] = dict(detail)
        line = json.dumps(entry, separators=(",", ":")) + "\n"
        with self._lock, self.path.open("a", encoding="utf-8") as log:
            log.write(line)

    def entries(self) -> list[dict[str, object]]:
        """Every decision so far, oldest first."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
