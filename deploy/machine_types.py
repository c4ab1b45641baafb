"""Which machines can be confidential, and what a host's maintenance may do to them.

The families of machines drift, so they stand here alone. Whether a zone has a machine type is asked of
Compute Engine, and not kept here; nor is the list of zones that offer TDX, SEV-SNP or confidential GPUs.

Source: Confidential VM documentation, "Supported configurations" (machine types; live migration: of AMD
SEV on N2D with AMD EPYC Milan alone); Confidential Space documentation, "Deploy workloads" (SEV, TDX, and
TDX with an H100); Compute Engine API reference, `confidentialInstanceConfig`. As of 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from attestation.errors import quoted
from policy.launch_claims import HardwareModel

TechnologyName = Literal["SEV", "SEV_SNP", "TDX"]
Maintenance = Literal["TERMINATE", "MIGRATE"]
MILAN: Final = "AMD Milan"
GPU_SERIES: Final = "a3"
GPU_MACHINE_TYPE: Final = "a3-highgpu-1g"


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """A way to be confidential: what a token calls it, and on which series of machines it runs.

    `cpu_platform` has to be asked for by name; `migrates` are the series whose VMs may stay up while their
    host is maintained; `is_documented`: by Confidential Space's own documentation.
    """

    hardware: HardwareModel
    series: tuple[str, ...]
    usual_machine_type: str
    cpu_platform: str = ""
    migrates: tuple[str, ...] = ()
    is_documented: bool = True
    zones_are_few: bool = False


TECHNOLOGIES: Final[Mapping[TechnologyName, Technology]] = {
    "SEV": Technology(
        hardware="GCP_AMD_SEV",
        series=("n2d", "c2d", "c3d", "c4d"),
        usual_machine_type="n2d-standard-2",
        migrates=("n2d",),
    ),
    "SEV_SNP": Technology(
        hardware="GCP_AMD_SEV_SNP",
        series=("n2d",),
        usual_machine_type="n2d-standard-2",
        cpu_platform=MILAN,
        is_documented=False,
        zones_are_few=True,
    ),
    "TDX": Technology(
        hardware="GCP_INTEL_TDX",
        series=("c3", GPU_SERIES),
        usual_machine_type="c3-standard-4",
        zones_are_few=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Why Compute Engine refuses such a machine, and what would do. `is_certain`: else it is not known."""

    says: str
    fix: str
    is_certain: bool = True


def has_gpu(machine_type: str) -> bool:
    """Whether the machine has a GPU that can be confidential.

    >>> has_gpu("a3-highgpu-1g"), has_gpu("n2d-standard-2")
    (True, False)
    """
    return machine_type.startswith(f"{GPU_SERIES}-")


def misfits(name: TechnologyName, machine_type: str, maintenance: Maintenance) -> Iterator[Misfit]:
    """What does not go together, as far as it is documented."""
    technology, series = TECHNOLOGIES[name], machine_type.partition("-")[0]
    if series not in technology.series:
        yield Misfit(
            says=f"{quoted(machine_type)} cannot be confidential by {name}",
            fix=f"operator: take a machine of {', '.join(technology.series)}, such as"
            f" `{technology.usual_machine_type}`",
        )
    elif series == "c3" and not machine_type.startswith("c3-standard-"):
        yield Misfit(
            says=f"{quoted(machine_type)}: of C3, only `c3-standard` is documented to be confidential",
            fix="operator: take a `c3-standard` machine",
        )
    elif has_gpu(machine_type) and machine_type != GPU_MACHINE_TYPE:
        yield Misfit(
            says=f"{quoted(machine_type)}: only `{GPU_MACHINE_TYPE}` is documented to be confidential",
            fix=f"operator: take `{GPU_MACHINE_TYPE}`: one H100",
        )
    if maintenance == "MIGRATE" and series not in technology.migrates:
        yield Misfit(
            says=f"`{name}` on {quoted(machine_type)} cannot move while its host is maintained",
            fix="operator: set maintenance to `TERMINATE`; only SEV on N2D may migrate",
        )
    if not technology.is_documented:
        yield Misfit(
            says=f"Confidential Space's documentation does not name {name}",
            fix="operator: take SEV or TDX",
            is_certain=False,
        )
