"""logging.googleapis.com: what launchers wrote to Cloud Logging, read as `gcloud logging read` reads it.

A launcher's own lines are there (`jsonPayload.MESSAGE`, with values of their own beside it), and those of
its workload where they are redirected so (`jsonPayload.message`, `INFO` or `ERROR`); both only where the
VM's account may write logs. They outlive their VM. Absent: writing by anybody else, buckets,
sinks, metrics, views.

Source: Cloud Logging API reference v2, `entries.list`, `LogEntry`; google/go-tpm-tools,
launcher/internal/logging/logging.go (August 2026) for the log's name and the payload's keys.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .access_tokens import Caller, require_caller
from .bodies import fields_of
from .errors import GoogleError, not_emulated
from .iam.authorization import permissions_of, project_of, require_permission
from .logging_filter import Entry, parse_filter
from .pages import page_of
from .state import State
from .vm.launcher_log import Send
from .vm.metadata import InstanceIdentity

_SERVICE = "logging.googleapis.com"
_LOG = "confidential-space-launcher"
_WRITE = "logging.logEntries.create"
_READ = "logging.logEntries.list"
_ASKED = ("filter", "orderBy", "pageSize", "pageToken", "resourceNames")
_writing = Lock()


def entry_writer(state: State, identity: InstanceIdentity) -> Send:
    """Writes an entry of that VM, if its account may; else nothing is kept, as at Google."""
    member = f"serviceAccount:{identity.service_account}"
    caller = Caller(
        name=identity.service_account, members=frozenset({member}), scopes=frozenset(), expires_at=0
    )
    project = project_of(state, identity.project_id)
    granted = _WRITE in permissions_of(caller, [project["policy"]])
    path = _file_of(state, identity.project_id)

    def write(severity: str, payload: Mapping[str, object]) -> None:
        if granted:
            _append(path, _entry(identity, severity, payload, state.clock()))

    return write


def routes(state: State) -> list[BaseRoute]:
    """`POST /v2/entries:list`."""

    async def list_entries(request: Request) -> Response:
        caller, body = require_caller(state, request), await fields_of(request, *_ASKED)
        matches = parse_filter(str(body.get("filter") or ""))
        order = str(body.get("orderBy") or "timestamp asc").lower()
        if order not in ("timestamp", "timestamp asc", "timestamp desc"):
            raise GoogleError(400, f"The order `{order[:40]}` is invalid.")
        names = body.get("resourceNames")
        if not isinstance(names, list) or not names:
            raise GoogleError(400, "Invalid value at 'resource_names': it names at least one project.")
        entries: list[Entry] = []
        for name in names:
            kind, _, project_id = str(name).partition("/")
            if kind != "projects" or "/" in project_id:
                raise not_emulated(f"the emulator does not have logs of `{str(name)[:60]}`: projects alone")
            project = project_of(state, project_id)
            require_permission(
                state,
                caller,
                _READ,
                service=_SERVICE,
                method="ListLogEntries",
                resource=f"projects/{project['projectId']}",
                policies=[project["policy"]],
            )
            entries += _read(_file_of(state, project["projectId"]))
        found = [entry for entry in entries if matches(entry)]
        found.sort(key=lambda entry: str(entry["timestamp"]), reverse=order.endswith("desc"))
        asked = {"pageSize": str(body.get("pageSize") or ""), "pageToken": str(body.get("pageToken") or "")}
        numbered = [(f"{index:09d}", entry) for index, entry in enumerate(found)]
        page, more = page_of(numbered, asked)
        return JSONResponse({**({"entries": page} if page else {}), **more})

    return [Route("/v2/entries:list", list_entries, methods=["POST"])]


def _entry(
    identity: InstanceIdentity, severity: str, payload: Mapping[str, object], now: float
) -> dict[str, Any]:
    time = datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "logName": f"projects/{identity.project_id}/logs/{_LOG}",
        "insertId": secrets.token_hex(8),
        "timestamp": time,
        "receiveTimestamp": time,
        "severity": severity,
        "resource": {
            "type": "gce_instance",
            "labels": {
                "project_id": identity.project_id,
                "instance_id": identity.instance_id,
                "zone": identity.zone,
            },
        },
        "jsonPayload": {**payload, "_HOSTNAME": identity.name},
    }


def _file_of(state: State, project_id: str) -> Path:
    return state.folder / "logging" / f"{project_id}.jsonl"


def _append(path: Path, entry: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _writing, path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, separators=(",", ":")) + "\n")


def _read(path: Path) -> list[Entry]:
    """Every entry of the file; a line that a crash cut off is none."""
    if not path.exists():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries
