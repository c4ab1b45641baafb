"""What `instances.insert` asks for, as far as a Confidential Space VM can be asked for at all.

Source: Compute Engine API reference, `instances`; Confidential Space documentation, "Deploy
workloads" and "Confidential Space images". Google's sentence is given where one is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policy.launch_claims import HardwareModel

from ..errors import GoogleError

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(
    r"(?:https://(?:www|compute)\.googleapis\.com/compute/v1/)?projects/confidential-space-images/global/images/"
    r"(?:family/(?P<family>confidential-space(?:-debug)?)|(?P<image>confidential-space(?:-debug)?-\d{6}))"
)
_MACHINE_TYPE = re.compile(r"(?:.*/)?zones/(?P<zone>[a-z0-9-]+)/machineTypes/(?P<name>[a-z0-9-]+)")
_HARDWARE: Mapping[str, HardwareModel] = {
    "SEV": "GCP_AMD_SEV",
    "SEV_SNP": "GCP_AMD_SEV_SNP",
    "TDX": "GCP_INTEL_TDX",
}
_SERIES = {
    "SEV": ("n2d", "c2d", "c3d", "c4d"),
    "SEV_SNP": ("n2d",),
    "TDX": ("c3", "a3"),
}
_GIB_PER_CPU = {"highcpu": 2, "highmem": 8, "highgpu": 9}
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


def parse_instance_request(body: Mapping[str, Any], *, zone: str) -> InstanceRequest:
    """The VM that `body` describes.

    Raises:
        GoogleError: 400 or 404 for the first thing that is wrong with it.
    """
    name = body.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _invalid("name", name, "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'")
    machine_type = _parse_machine_type(body.get("machineType"), zone)
    confidential_type = _parse_confidential_type(body.get("confidentialInstanceConfig"))
    if machine_type.split("-")[0] not in _SERIES[confidential_type]:
        raise _bad_request(
            f"Confidential Instance Config is only supported for compatible cpu platform: {machine_type} "
            f"does not support {confidential_type}."
        )
    if _object(body.get("scheduling")).get("onHostMaintenance") != "TERMINATE":
        raise _bad_request("Confidential VMs only support onHostMaintenance set to TERMINATE.")
    account, scopes = _parse_service_account(body.get("serviceAccounts"))
    return InstanceRequest(
        name=name,
        machine_type=machine_type,
        confidential_type=confidential_type,
        hardware=_HARDWARE[confidential_type],
        debug=_parse_image(body.get("disks")),
        secure_boot=bool(_object(body.get("shieldedInstanceConfig")).get("enableSecureBoot")),
        gpu=machine_type.startswith("a3-"),
        memory_kb=_memory_kb(machine_type),
        service_account=account,
        scopes=scopes,
        metadata=_parse_metadata(_object(body.get("metadata")).get("items")),
    )


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
    if kind not in _HARDWARE:
        if kind is None:
            raise _bad_request(
                "The Confidential Space image runs on Confidential VMs only: set "
                "confidentialInstanceConfig.confidentialInstanceType."
            )
        raise _invalid("confidentialInstanceConfig.confidentialInstanceType", kind, "")
    return str(kind)


def _parse_image(disks: object) -> bool:
    """Whether the boot disk is made from the debug image."""
    boot = next((disk for disk in _list(disks) if _object(disk).get("boot")), None)
    if boot is None:
        raise _bad_request("Invalid value for field 'resource.disks': ''. No boot disk is specified.")
    source = _object(_object(boot).get("initializeParams")).get("sourceImage")
    match = _IMAGE.fullmatch(source) if isinstance(source, str) else None
    if match is None:
        raise GoogleError(
            404,
            f"The resource '{_short(source)}' was not found: the emulator has the images of "
            "projects/confidential-space-images, families confidential-space and confidential-space-debug",
            reason="notFound",
        )
    return (match["family"] or match["image"]).startswith("confidential-space-debug")


def _parse_service_account(value: object) -> tuple[str, tuple[str, ...]]:
    accounts = _list(value)
    if len(accounts) != 1:
        raise _bad_request("A Confidential Space workload needs one service account.")
    account = _object(accounts[0])
    email, scopes = account.get("email"), _list(account.get("scopes"))
    if not isinstance(email, str) or "@" not in email:
        raise _invalid("serviceAccounts[0].email", email, "")
    return email, tuple(str(scope) for scope in scopes)


def _parse_metadata(items: object) -> dict[str, str]:
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


def _memory_kb(machine_type: str) -> int:
    """The memory of a machine type, from its name: enough to refuse a tmpfs that cannot be."""
    _, _, shape = machine_type.partition("-")
    kind, _, cpus = shape.partition("-")
    count = int(digits[0]) if (digits := re.findall(r"\d+", cpus)) else 2
    if kind == "highgpu":
        count *= 26
    return count * _GIB_PER_CPU.get(kind, 4) * 1024 * 1024


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
