"""What a machine is made of: zones, machine types, and the Confidential Space images.

The families of machines drift, so they stand here alone. Not here, though Google has them: G4 machines.

Source: Managed Service for Apache Spark documentation, "Encrypt memory with Confidential VM clusters"
(which machine types are confidential by which technology), and Confidential VM documentation, "Live
migration", both read in November 2026; Compute Engine documentation, "Machine families" (numbers of
CPUs; a C4D machine has a few percent less memory than the formula here says); Confidential Space
documentation, "Confidential Space images"; Compute Engine API reference v1, `zones`, `machineTypes`,
`images`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from policy.launch_claims import HardwareModel

from ..places import REGIONS, ZONES
from ..state import Document
from ..verifier import SOFTWARE_VERSION

ROOT = "https://www.googleapis.com/compute/v1"
IMAGE_PROJECT = "confidential-space-images"
FAMILIES = ("confidential-space", "confidential-space-debug")


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """A way to be confidential: what a token calls it, and on which machine types it runs and may migrate."""

    hardware: HardwareModel
    machine_types: tuple[str, ...]
    """What the names of machine types begin with."""
    migrates: tuple[str, ...] = ()
    """Likewise, of those whose VMs may stay up while their host is maintained."""


TECHNOLOGIES: Mapping[str, Technology] = {
    "SEV": Technology(
        hardware="GCP_AMD_SEV", machine_types=("n2d-", "c2d-", "c3d-", "c4d-"), migrates=("n2d-",)
    ),
    "SEV_SNP": Technology(hardware="GCP_AMD_SEV_SNP", machine_types=("n2d-",)),
    "TDX": Technology(hardware="GCP_INTEL_TDX", machine_types=("c3-standard-", "a3-highgpu-1g")),
}
_CPUS: Mapping[str, tuple[int, ...]] = {
    "n2d": (2, 4, 8, 16, 32, 48, 64, 80, 96),
    "c2d": (2, 4, 8, 16, 32, 56, 112),
    "c3": (4, 8, 22, 44, 88, 176),
    "c3d": (4, 8, 16, 30, 60, 90, 180, 360),
    "c4d": (2, 4, 8, 16, 32, 48, 64, 96, 192, 384),
}
_GIB_PER_CPU = {"highcpu": 2, "standard": 4, "highmem": 8, "highgpu": 9}
_CPUS_PER_GPU = 26
_MACHINE_TYPE = re.compile(r"(?P<series>[a-z]\d[a-z]?)-(?P<kind>[a-z]+)-(?P<count>\d{1,3})g?")
_PLATFORMS = {"n2d": "AMD Milan", "c2d": "AMD Milan", "c3d": "AMD Genoa", "c4d": "AMD Turin"}

_LARGEST_N2D = (128, 224)
"""N2D has these as well, but for its machines of much memory."""

MACHINE_TYPES = (
    *(
        f"{series}-{kind}-{count}"
        for series, counts in _CPUS.items()
        for kind in ("highcpu", "highmem", "standard")
        for count in counts
    ),
    *(f"n2d-{kind}-{count}" for kind in ("highcpu", "standard") for count in _LARGEST_N2D),
    "a3-highgpu-1g",
)


def shape_of(machine_type: str) -> tuple[int, int]:
    """CPUs and memory in MiB, from the name: enough to refuse a tmpfs that cannot be."""
    match = _MACHINE_TYPE.fullmatch(machine_type)
    kind = match["kind"] if match else "standard"
    count = int(match["count"]) if match else 2
    if kind == "highgpu":
        count *= _CPUS_PER_GPU
    return count, count * _GIB_PER_CPU.get(kind, 4) * 1024


def cpu_platform_of(machine_type: str) -> str:
    """What Compute Engine calls the processor."""
    return _PLATFORMS.get(machine_type.partition("-")[0], "Intel Sapphire Rapids")


def render_zone(project_id: str, name: str) -> Document:
    """A zone as the API shows it."""
    return {
        "kind": "compute#zone",
        "id": str(2000 + ZONES.index(name)),
        "name": name,
        "description": name,
        "status": "UP",
        "region": f"{ROOT}/projects/{project_id}/regions/{name.rpartition('-')[0]}",
        "selfLink": f"{ROOT}/projects/{project_id}/zones/{name}",
    }


QUOTAS = {
    "CPUS": 72,
    "C2D_CPUS": 24,
    "C3_CPUS": 24,
    "N2D_CPUS": 24,
    "INSTANCES": 720,
}
"""A project's limits in each region, as the emulator says them; it holds nobody to them."""


def render_region(project_id: str, name: str) -> Document:
    """A region as the API shows it, with what a project may have in it. Usage is not counted."""
    zones = [zone for zone in ZONES if zone.rpartition("-")[0] == name]
    return {
        "kind": "compute#region",
        "id": str(1000 + REGIONS.index(name)),
        "name": name,
        "description": name,
        "status": "UP",
        "zones": [f"{ROOT}/projects/{project_id}/zones/{zone}" for zone in zones],
        "quotas": [{"metric": metric, "limit": float(most), "usage": 0.0} for metric, most in QUOTAS.items()],
        "selfLink": f"{ROOT}/projects/{project_id}/regions/{name}",
    }


def render_machine_type(project_id: str, zone: str, name: str) -> Document:
    """A machine type as the API shows it."""
    cpus, memory_mib = shape_of(name)
    return {
        "kind": "compute#machineType",
        "id": str(800_000 + MACHINE_TYPES.index(name)),
        "name": name,
        "description": f"{cpus} vCPUs {memory_mib // 1024} GB RAM",
        "guestCpus": cpus,
        "memoryMb": memory_mib,
        "maximumPersistentDisks": 128,
        "isSharedCpu": False,
        "zone": zone,
        "selfLink": f"{ROOT}/projects/{project_id}/zones/{zone}/machineTypes/{name}",
    }


def render_image(family: str) -> Document:
    """The newest image of a family as the API shows it; its version is the one that tokens name."""
    name = f"{family}-{SOFTWARE_VERSION}"
    return {
        "kind": "compute#image",
        "id": str(7_000_000_000_000_000_000 + FAMILIES.index(family)),
        "name": name,
        "family": family,
        "description": "The emulator's stand-in: it boots the emulator's launcher, and nothing else.",
        "status": "READY",
        "sourceType": "RAW",
        "architecture": "X86_64",
        "diskSizeGb": "11",
        "selfLink": f"{ROOT}/projects/{IMAGE_PROJECT}/global/images/{name}",
    }
