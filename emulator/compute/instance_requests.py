"""What `instances.insert` asks for, as far as a Confidential Space VM can be asked for at all.

Source: Compute Engine API reference, `instances`; Confidential Space documentation, "Deploy
workloads" and "Confidential Space images". Google's sentence is given where one is known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from policy.launch_claims import HardwareModel

from ..errors import GoogleError, not_emulated, refuse_other_fields
from .catalogue import MACHINE_TYPES, TECHNOLOGIES, shape_of

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(
    r"(?:https://(?:www|compute)\.googleapis\.com/compute/v1/)?projects/confidential-space-images/global/images/"
    r"(?:family/(?P<family>confidential-space(?:-debug)?)|(?P<image>confidential-space(?:-debug)?-\d{6}))"
)
_MACHINE_TYPE = re.compile(r"(?:.*/)?zones/(?P<zone>[a-z0-9-]+)/machineTypes/(?P<name>[a-z0-9-]+)")
_DEFAULT_ACCOUNT = "default"
_READ = frozenset(
    {
        "confidentialInstanceConfig",
        "description",
        "disks",
        "labels",
        "machineType",
        "metadata",
        "minCpuPlatform",
        "name",
        "networkInterfaces",
        "scheduling",
        "serviceAccounts",
        "shieldedInstanceConfig",
        "tags",
        "zone",
    }
)
"""What of an instance is kept; any other field that asks for something is refused."""
_KEPT_BELOW: Mapping[str, frozenset[str]] = {
    "confidentialInstanceConfig": frozenset({"confidentialInstanceType", "enableConfidentialCompute"}),
    "disks": frozenset({"autoDelete", "boot", "deviceName", "initializeParams", "kind", "mode", "type"}),
    "disks.initializeParams": frozenset({"diskName", "diskSizeGb", "diskType", "labels", "sourceImage"}),
    "metadata": frozenset({"fingerprint", "items", "kind"}),
    "metadata.items": frozenset({"key", "value"}),
    "networkInterfaces": frozenset(
        {
            "accessConfigs", "fingerprint", "kind", "name", "network", "networkIP", "nicType", "stackType",
            "subnetwork",
        }
    ),
    "networkInterfaces.accessConfigs": frozenset({"kind", "name", "networkTier", "type"}),
    "scheduling": frozenset(
        {
            "automaticRestart", "instanceTerminationAction", "onHostMaintenance", "preemptible",
            "provisioningModel",
        }
    ),
    "serviceAccounts": frozenset({"email", "scopes"}),
    "shieldedInstanceConfig": frozenset({"enableIntegrityMonitoring", "enableSecureBoot", "enableVtpm"}),
    "tags": frozenset({"fingerprint", "items"}),
}  # fmt: skip
"""Likewise of what is inside a field. A disk's type and labels are the disk's, which is no resource here."""
_ONLY: Mapping[tuple[str, str], str] = {
    ("disks", "mode"): "READ_WRITE",
    ("disks", "type"): "PERSISTENT",
    ("networkInterfaces", "stackType"): "IPV4_ONLY",
    ("networkInterfaces.accessConfigs", "type"): "ONE_TO_ONE_NAT",
}
"""Of what has several values at Google: the one that a VM can have here."""
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_METADATA_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRequest:
    """A VM that can be made."""

    name: str
    machine_type: str
    confidential_type: str
    hardware: HardwareModel
    debug: bool
    secure_boot: bool
    gpu: bool
    memory_kb: int
    service_account: str
    scopes: tuple[str, ...]
    metadata: Mapping[str, str]
    scheduling: Mapping[str, Any]
    shown: Mapping[str, Any]
    """What is kept of it and shown again, and matters to nothing here: labels, disks, network interfaces."""


def parse_instance_request(
    body: Mapping[str, Any], *, zone: str, default_account: str = ""
) -> InstanceRequest:
    """The VM that `body` describes. `default_account` is who it is where nobody is named.

    Raises:
        GoogleError: 400 or 404 for the first thing that is wrong with it.
    """
    _refuse_what_is_not_kept(body, _READ, "")
    name = body.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _invalid("name", name, "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'")
    machine_type = _parse_machine_type(body.get("machineType"), zone)
    confidential_type = _parse_confidential_type(body.get("confidentialInstanceConfig"))
    technology = TECHNOLOGIES[confidential_type]
    if not machine_type.startswith(technology.machine_types):
        raise _bad_request(
            f"Confidential Instance Config is only supported for compatible cpu platform: {machine_type} "
            f"does not support {confidential_type}."
        )
    if machine_type not in MACHINE_TYPES:
        raise _invalid("machineType", machine_type, "The referenced resource does not exist.")
    shielded = _object(body.get("shieldedInstanceConfig"))
    if shielded.get("enableVtpm") is False:
        raise _bad_request("The Confidential Space image runs on VMs with a vTPM only.")
    account, scopes = _parse_service_account(body.get("serviceAccounts"), default_account)
    return InstanceRequest(
        name=name,
        machine_type=machine_type,
        confidential_type=confidential_type,
        hardware=technology.hardware,
        debug=_parse_image(body.get("disks")),
        secure_boot=bool(shielded.get("enableSecureBoot")),
        gpu=machine_type.startswith("a3-"),
        memory_kb=shape_of(machine_type)[1] * 1024,
        service_account=account,
        scopes=scopes,
        metadata=parse_metadata(_object(body.get("metadata")).get("items")),
        scheduling=_parse_scheduling(
            body.get("scheduling"), migrates=machine_type.startswith(technology.migrates)
        ),
        shown={
            "labels": parse_labels(body.get("labels")),
            "tags": [str(tag) for tag in _list(_object(body.get("tags")).get("items"))],
            "disk": _object(_list(body.get("disks"))[0]),
            "networkInterfaces": [_object(each) for each in _list(body.get("networkInterfaces"))],
            "description": str(body.get("description") or ""),
            "minCpuPlatform": str(body.get("minCpuPlatform") or ""),
            "integrity": shielded.get("enableIntegrityMonitoring") is not False,
        },
    )


def _refuse_what_is_not_kept(value: Mapping[str, Any], kept: Collection[str], where: str) -> None:
    """Every field in it, and in what is inside, is one that is kept.

    Raises:
        GoogleError: 400 for the first other one, and for a value that no VM has here.
    """
    refuse_other_fields(value, kept, f"instances{where and '.'}{where}")
    for field, inside in value.items():
        only = _ONLY.get((where, field), inside)
        if inside and inside != only:
            raise not_emulated(f"the emulator has `{only}` alone as `{field}` of instances.{where}")
        place = f"{where}.{field}" if where else field
        if place in _KEPT_BELOW:
            for each in inside if isinstance(inside, list) else [inside]:
                _refuse_what_is_not_kept(_object(each), _KEPT_BELOW[place], place)


def parse_labels(value: object) -> dict[str, str]:
    """Labels of a resource.

    Raises:
        GoogleError: 400.
    """
    labels = dict(_object(value))
    for key, text in labels.items():
        if not (isinstance(text, str) and _LABEL.fullmatch(text) and key and _LABEL.fullmatch(key)):
            raise _invalid("labels", key, "Labels are lower-case letters, digits, dashes and underscores.")
    return labels


def _parse_scheduling(value: object, *, migrates: bool) -> dict[str, Any]:
    """What happens when the host is maintained; Compute Engine's default is to migrate.

    Source: Confidential VM documentation, "Live migration": of SEV on N2D alone.
    """
    scheduling = dict(_object(value))
    policy = scheduling.setdefault("onHostMaintenance", "MIGRATE")
    if policy not in ("MIGRATE", "TERMINATE"):
        raise _invalid("scheduling.onHostMaintenance", policy, "")
    if policy == "MIGRATE" and not migrates:
        raise _bad_request("Confidential VMs of this kind only support onHostMaintenance set to TERMINATE.")
    return {"automaticRestart": True, "preemptible": False, **scheduling}


def parse_start(text: str) -> int:
    """The byte of a serial port's output from which on a reader wants it.

    Raises:
        GoogleError: 400.
    """
    if not (text.isascii() and text.isdigit()):
        raise GoogleError(400, f"Invalid value for field 'start': '{text[:40]}'.", reason="invalid")
    return int(text)


def _parse_machine_type(value: object, zone: str) -> str:
    match = _MACHINE_TYPE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match["zone"] != zone:
        raise _invalid("machineType", value, "The URL is malformed.")
    return match["name"]


def _parse_confidential_type(value: object) -> str:
    config = _object(value)
    kind = config.get("confidentialInstanceType")
    if kind is None and config.get("enableConfidentialCompute") is True:
        return "SEV"
    if kind not in TECHNOLOGIES:
        if kind is None:
            raise _bad_request(
                "The Confidential Space image runs on Confidential VMs only: set "
                "confidentialInstanceConfig.confidentialInstanceType."
            )
        raise _invalid("confidentialInstanceConfig.confidentialInstanceType", kind, "")
    return str(kind)


def _parse_image(disks: object) -> bool:
    """Whether the boot disk is made from the debug image."""
    all_of_them = [_object(disk) for disk in _list(disks)]
    if not any(disk.get("boot") for disk in all_of_them):
        raise _bad_request("Invalid value for field 'resource.disks': ''. No boot disk is specified.")
    if len(all_of_them) > 1:
        raise not_emulated("the emulator does not have disks but the one that a VM boots from")
    parameters = _object(all_of_them[0].get("initializeParams"))
    source = parameters.get("sourceImage")
    match = _IMAGE.fullmatch(source) if isinstance(source, str) else None
    if match is None:
        raise GoogleError(
            404,
            f"The resource '{_short(source)}' was not found: the emulator has the images of "
            "projects/confidential-space-images, families confidential-space and confidential-space-debug",
            reason="notFound",
        )
    return (match["family"] or match["image"]).startswith("confidential-space-debug")


def _parse_service_account(value: object, default_account: str) -> tuple[str, tuple[str, ...]]:
    accounts = _list(value)
    if len(accounts) != 1:
        raise _bad_request("A Confidential Space workload needs one service account.")
    account = _object(accounts[0])
    email, scopes = account.get("email"), _list(account.get("scopes"))
    if email == _DEFAULT_ACCOUNT:
        email = default_account
    if not isinstance(email, str) or "@" not in email:
        raise _invalid("serviceAccounts[0].email", email, "")
    return email, tuple(str(scope) for scope in scopes)


def parse_metadata(items: object) -> dict[str, str]:
    """An instance's metadata.

    Raises:
        GoogleError: 400.
    """
    metadata: dict[str, str] = {}
    for item in map(_object, _list(items)):
        key, value = item.get("key"), item.get("value", "")
        if not isinstance(key, str) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", key):
            raise _invalid("metadata.items[0].key", key, "Must be a match of regex '[a-zA-Z0-9-_]{1,128}'")
        if key in metadata:
            raise _invalid("metadata", key, f"Duplicate key '{key}'")
        metadata[key] = str(value)
    if sum(len(key) + len(value.encode()) for key, value in metadata.items()) > _MOST_METADATA_BYTES:
        raise _bad_request("Metadata size is larger than 524288 bytes.")
    return metadata


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _short(value: object) -> str:
    return str(value if value is not None else "")[:100]


def _invalid(field: str, value: object, why: str) -> GoogleError:
    message = f"Invalid value for field 'resource.{field}': '{_short(value)}'. {why}".rstrip()
    return GoogleError(400, message, reason="invalid")


def _bad_request(message: str) -> GoogleError:
    return GoogleError(400, message, reason="badRequest")
