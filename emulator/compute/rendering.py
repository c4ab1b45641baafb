"""Instances and operations as Compute Engine's API shows them.

Source: Compute Engine API reference v1, `instances` and `zoneOperations`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from ..state import Document
from ..vm.metadata import InstanceIdentity
from .catalogue import ROOT, cpu_platform_of
from .instance_requests import InstanceRequest


def render_instance(key: str, wanted: InstanceRequest, identity: InstanceIdentity, *, now: float) -> Document:
    """The instance as the API shows it, before it has booted."""
    project = f"{ROOT}/projects/{identity.project_id}"
    zone = f"{project}/zones/{identity.zone}"
    instance: Document = {
        "kind": "compute#instance",
        "id": identity.instance_id,
        "creationTimestamp": time_of(now),
        "name": identity.name,
        "machineType": f"{zone}/machineTypes/{identity.machine_type}",
        "status": "PROVISIONING",
        "zone": zone,
        "selfLink": f"{ROOT}/{key}",
        "cpuPlatform": cpu_platform_of(identity.machine_type),
        "canIpForward": False,
        "deletionProtection": False,
        "startRestricted": False,
        "tags": {"items": wanted.shown["tags"]} if wanted.shown["tags"] else {},
        "metadata": render_metadata(identity.attributes),
        "labels": wanted.shown["labels"],
        "labelFingerprint": fingerprint_of(wanted.shown["labels"]),
        "serviceAccounts": [{"email": identity.service_account, "scopes": list(identity.scopes)}],
        "scheduling": dict(wanted.scheduling),
        "shieldedInstanceConfig": {
            "enableSecureBoot": wanted.secure_boot,
            "enableVtpm": True,
            "enableIntegrityMonitoring": wanted.shown["integrity"],
        },
        "shieldedInstanceIntegrityPolicy": {"updateAutoLearnPolicy": True},
        "confidentialInstanceConfig": {
            "enableConfidentialCompute": wanted.confidential_type == "SEV",
            "confidentialInstanceType": wanted.confidential_type,
        },
        "disks": [_disk(zone, identity.name, wanted.shown["disk"])],
        "networkInterfaces": [
            _network_interface(project, identity, index, each)
            for index, each in enumerate(wanted.shown["networkInterfaces"] or [{}])
        ],
        "lastStartTimestamp": time_of(now),
        "symbolonEmulator": {},
    }
    instance["tags"]["fingerprint"] = fingerprint_of(wanted.shown["tags"])
    for field in ("description", "minCpuPlatform"):
        if wanted.shown[field]:
            instance[field] = wanted.shown[field]
    return {**instance, "fingerprint": fingerprint_of(identity.instance_id)}


def render_metadata(attributes: Mapping[str, str]) -> Document:
    """Metadata with its fingerprint, which a change of it must bring along."""
    items = [{"key": name, "value": value} for name, value in attributes.items()]
    return {"kind": "compute#metadata", "fingerprint": fingerprint_of(items), "items": items}


def fingerprint_of(value: object) -> str:
    """What changes when `value` does: bytes, in base64."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _disk(zone: str, name: str, asked: Mapping[str, object]) -> Document:
    parameters = asked.get("initializeParams")
    made_with = parameters if isinstance(parameters, dict) else {}
    return {
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT",
        "mode": "READ_WRITE",
        "source": f"{zone}/disks/{made_with.get('diskName') or name}",
        "deviceName": str(asked.get("deviceName") or "persistent-disk-0"),
        "index": 0,
        "boot": True,
        "autoDelete": asked.get("autoDelete", True) is not False,
        "interface": "SCSI",
        "diskSizeGb": str(made_with.get("diskSizeGb") or 11),
        "architecture": "X86_64",
    }


def _network_interface(
    project: str, identity: InstanceIdentity, index: int, asked: Mapping[str, object]
) -> Document:
    """An interface as it was asked for, with an address: of documentation's range, since nothing is there."""
    network = str(asked.get("network") or "global/networks/default").rpartition("/")[2]
    subnetwork = str(asked.get("subnetwork") or network).rpartition("/")[2]
    region = identity.zone.rpartition("-")[0]
    interface: Document = {
        "kind": "compute#networkInterface",
        "name": f"nic{index}",
        "network": f"{project}/global/networks/{network}",
        "subnetwork": f"{project}/regions/{region}/subnetworks/{subnetwork}",
        "networkIP": str(asked.get("networkIP") or f"10.138.{index}.{2 + int(identity.instance_id) % 250}"),
        "stackType": "IPV4_ONLY",
        "fingerprint": fingerprint_of([identity.instance_id, index]),
    }
    if asked.get("nicType"):
        interface["nicType"] = str(asked["nicType"])
    access = asked.get("accessConfigs")
    if isinstance(access, list) and access:
        wanted = access[0] if isinstance(access[0], dict) else {}
        interface["accessConfigs"] = [
            {
                "kind": "compute#accessConfig",
                "type": "ONE_TO_ONE_NAT",
                "name": str(wanted.get("name") or "external-nat"),
                "natIP": f"192.0.2.{1 + int(identity.instance_id) % 254}",
                "networkTier": str(wanted.get("networkTier") or "PREMIUM"),
            }
        ]
    return interface


def render_operation(
    kind: str, key: str, instance_id: str, request_id: str, *, user: str, now: float
) -> Document:
    """An operation on the instance of that key, done as soon as it is asked for."""
    zone = f"{ROOT}/{key.rpartition('/instances/')[0]}"
    name = f"operation-{int(now * 1000)}-{secrets.token_hex(6)}-{secrets.token_hex(4)}"
    time = time_of(now)
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


def time_of(now: float) -> str:
    """A time as this API has it: RFC 3339, in milliseconds."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
