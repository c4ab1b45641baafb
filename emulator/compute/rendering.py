"""Instances and operations as Compute Engine's API shows them.

Source: Compute Engine API reference v1, `instances` and `zoneOperations`.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from ..state import Document
from ..vm.metadata import InstanceIdentity
from .instance_requests import InstanceRequest

ROOT = "https://www.googleapis.com/compute/v1"


def render_instance(key: str, wanted: InstanceRequest, identity: InstanceIdentity, *, now: float) -> Document:
    """The instance as the API shows it, before it has booted."""
    zone = f"{ROOT}/projects/{identity.project_id}/zones/{identity.zone}"
    return {
        "kind": "compute#instance",
        "id": identity.instance_id,
        "creationTimestamp": _time(now),
        "name": identity.name,
        "machineType": f"{zone}/machineTypes/{identity.machine_type}",
        "status": "PROVISIONING",
        "zone": zone,
        "selfLink": f"{ROOT}/{key}",
        "metadata": {
            "kind": "compute#metadata",
            "items": [{"key": name, "value": value} for name, value in identity.attributes.items()],
        },
        "serviceAccounts": [{"email": identity.service_account, "scopes": list(identity.scopes)}],
        "scheduling": {"onHostMaintenance": "TERMINATE", "automaticRestart": True, "preemptible": False},
        "shieldedInstanceConfig": {"enableSecureBoot": wanted.secure_boot, "enableVtpm": True},
        "confidentialInstanceConfig": {
            "enableConfidentialCompute": wanted.confidential_type == "SEV",
            "confidentialInstanceType": wanted.confidential_type,
        },
        "symbolonEmulator": {},
    }


def render_operation(
    kind: str, key: str, instance_id: str, request_id: str, *, user: str, now: float
) -> Document:
    """An operation on the instance of that key, done as soon as it is asked for."""
    zone = f"{ROOT}/{key.rpartition('/instances/')[0]}"
    name = f"operation-{int(now * 1000)}-{secrets.token_hex(6)}-{secrets.token_hex(4)}"
    time = _time(now)
    operation: Document = {
        "kind": "compute#operation",
        "id": str(10**18 + secrets.randbelow(8 * 10**18)),
        "name": name,
        "zone": zone,
        "operationType": kind,
        "targetLink": f"{ROOT}/{key}",
        "targetId": instance_id,
        "status": "DONE",
        "user": user,
        "progress": 100,
        "insertTime": time,
        "startTime": time,
        "endTime": time,
        "selfLink": f"{zone}/operations/{name}",
    }
    return {**operation, "clientOperationId": request_id} if request_id else operation


def _time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
