"""A state folder as an emulator leaves it, small enough to be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EVIL = "<script>document.title='obeyed'</script><img src=x onerror=\"document.title='obeyed'\">"
STS, VERIFIER = "sts.googleapis.com", "confidentialcomputing.googleapis.com"
VM = "projects/secundus/zones/us-west1-b/instances/workload-vm"
INSTANCE_ID = "4711"


def write_documents(state: Path, name: str, documents: dict[str, Any]) -> None:
    (state / "documents").mkdir(exist_ok=True)
    (state / "documents" / f"{name}.json").write_text(json.dumps(documents))


def audit_line(service: str, *, granted: bool, **said: Any) -> dict[str, Any]:
    line = {
        "timestamp": "2026-11-27T04:04:42.005+00:00",
        "serviceName": service,
        "methodName": "google.v1.Method",
        "principal": "somebody",
        "resourceName": "projects/primus",
        "granted": granted,
    }
    return line | said


def add_lines(path: Path, *lines: object) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def logged(second: float, payload: dict[str, Any], severity: str = "INFO") -> dict[str, Any]:
    labels = {"project_id": "secundus", "instance_id": INSTANCE_ID, "zone": "us-west1-b"}
    return {
        "timestamp": f"2026-11-27T04:04:{second:06.3f}Z",
        "severity": severity,
        "resource": {"type": "gce_instance", "labels": labels},
        "jsonPayload": payload,
    }


def says(second: float, **said: Any) -> dict[str, Any]:
    """A line of the workload's."""
    return logged(second, {"message": json.dumps({"severity": "INFO", **said})})


def launcher(second: float, message: str, **said: Any) -> dict[str, Any]:
    return logged(second, {"MESSAGE": message, "_HOSTNAME": "workload-vm", **said})


def clause(text: str, outcome: str, *, fix: str = "") -> dict[str, Any]:
    return {"text": text, "outcome": outcome, "reason": f"`{text}` is so", "fix": fix}


def write_state(state: Path) -> Path:
    """Two parties, a VM that was refused by STS, and a little more."""
    projects = {"secundus": {"projectNumber": "2"}, "primus": {"projectNumber": "1"}}
    write_documents(state, "projects", projects)
    write_documents(state, "storage.buckets", {"primus-bucket": {"project": "primus"}})
    metadata = [{"key": "tee-image-reference", "value": f"us-docker.pkg.dev/p/r/i@sha256:{EVIL}"}]
    instance = {"id": INSTANCE_ID, "name": "workload-vm", "metadata": {"items": metadata}}
    write_documents(state, "compute.instances", {VM: instance})
    refused = {
        "error_description": "The given credential is rejected by the attribute condition.",
        "clauses": [
            clause("assertion.secboot", "true"),
            clause(f"assertion.dbgstat == '{EVIL}'", "false", fix="operator: launch a production image"),
        ],
    }
    add_lines(
        state / "audit.jsonl",
        audit_line("storage.googleapis.com", granted=True, principal="owner@primus.example"),
        audit_line("compute.googleapis.com", granted=True),
        audit_line("compute.googleapis.com", granted=True),
        audit_line(VERIFIER, granted=True, resourceName=VM, timestamp="2026-11-27T04:04:02+00:00"),
        audit_line(STS, granted=False, principal=f"principal://x/a::b::{INSTANCE_ID}", detail=refused),
    )
    add_lines(
        state / "logging" / "secundus.jsonl",
        launcher(1, "TEE container launcher initiating"),
        says(2.5, step="attest", message="asking the owner's condition for admission"),
        logged(3, {"message": EVIL}, "ERROR"),
        says(4, severity="ERROR", message="STS refuses `it`", exit_code=4),
        launcher(4.5, "TEE container launcher exiting", exit_code=4, exit_msg="VM remains running"),
    )
    return state
