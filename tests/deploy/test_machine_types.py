"""Which machines can be confidential, as the documentation has it, and as the emulator plays it."""

from __future__ import annotations

from typing import get_args

import pytest

from deploy.machine_types import TECHNOLOGIES, TechnologyName, has_gpu, misfits
from emulator.compute import catalogue

SAYS = {
    ("SEV", "n2d-standard-2", "TERMINATE"): [],
    ("SEV", "n2d-standard-2", "MIGRATE"): [],
    ("SEV", "c3d-standard-4", "TERMINATE"): [],
    ("TDX", "c3-standard-4", "TERMINATE"): [],
    ("TDX", "a3-highgpu-1g", "TERMINATE"): [],
    ("SEV", "c3-standard-4", "TERMINATE"): ["cannot be confidential by SEV"],
    ("SEV", "e2-small", "TERMINATE"): ["cannot be confidential by SEV"],
    ("TDX", "n2d-standard-2", "TERMINATE"): ["cannot be confidential by TDX"],
    ("TDX", "c3-highmem-4", "TERMINATE"): ["only `c3-standard` is documented"],
    ("TDX", "a3-highgpu-8g", "TERMINATE"): ["only `a3-highgpu-1g` is documented"],
    ("SEV", "c3d-standard-4", "MIGRATE"): ["cannot move while its host is maintained"],
    ("TDX", "c3-standard-4", "MIGRATE"): ["cannot move while its host is maintained"],
}


@pytest.mark.parametrize("asked", SAYS, ids=" ".join)
def test_what_does_not_go_together_is_said_with_what_would_do(asked: tuple[TechnologyName, str, str]) -> None:
    technology, machine_type, maintenance = asked
    found = list(misfits(technology, machine_type, maintenance))  # type: ignore[arg-type]
    assert len(found) == len(SAYS[asked])
    for misfit, said in zip(found, SAYS[asked], strict=True):
        assert said in misfit.says
        assert misfit.is_certain
        assert misfit.fix.startswith("operator: ")


def test_what_confidential_space_does_not_document_is_not_known() -> None:
    (misfit,) = misfits("SEV_SNP", "n2d-standard-2", "TERMINATE")
    assert not misfit.is_certain


def series_of(beginnings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each.partition("-")[0] for each in beginnings)


def test_the_emulator_has_the_same_technologies_on_the_same_series() -> None:
    ours = {name: (each.hardware, each.series, each.migrates) for name, each in TECHNOLOGIES.items()}
    theirs = {
        name: (each.hardware, series_of(each.machine_types), series_of(each.migrates))
        for name, each in catalogue.TECHNOLOGIES.items()
    }
    assert ours == theirs
    assert {*ours} == {*get_args(TechnologyName)}


def test_a_usual_machine_type_fits_its_technology() -> None:
    for name, technology in TECHNOLOGIES.items():
        assert all(not each.is_certain for each in misfits(name, technology.usual_machine_type, "TERMINATE"))
        assert technology.usual_machine_type in catalogue.MACHINE_TYPES
        assert not has_gpu(technology.usual_machine_type)
