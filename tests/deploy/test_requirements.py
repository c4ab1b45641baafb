"""What an image installs is what `uv.lock` locks for its group: the same versions, the same hashes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from deploy.image import RUNTIMES, SOURCE

PACKAGES = {"tensorflow": ["tensorflow-cpu"], "openvino": ["openvino"]}
IMAGE_PYTHON = {
    "python_version": "3.11",
    "python_full_version": "3.11.9",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "platform_system": "Linux",
    "os_name": "posix",
    "extra": "",
}
LEFT_OUT = {"openvino-telemetry"}
"""What reports to a vendor, and what it belongs to runs without."""
ALONE = {"tensorflow-cpu"}
"""Of what only its libraries are used: the rest is what its Python asks for."""
Pins = dict[str, tuple[str, frozenset[str]]]


def applies(marker: str | None) -> bool:
    return marker is None or Marker(marker).evaluate(IMAGE_PYTHON)


def locked(runtime: str) -> tuple[Pins, dict[str, Any]]:
    """Version and hashes by name of all that the runtime's group needs, and the lock's own packages."""
    packages = tomllib.loads((SOURCE / "uv.lock").read_text())["package"]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for package in packages:
        by_name.setdefault(package["name"], []).append(package)
    (ours,) = by_name["symbolon"]
    chosen: dict[str, dict[str, Any]] = {}
    waiting = list(ours["dev-dependencies"][f"image-{runtime}"])
    while waiting:
        wanted = waiting.pop()
        if wanted["name"] in LEFT_OUT or not applies(wanted.get("marker")):
            continue
        (package,) = (
            candidate
            for candidate in by_name[wanted["name"]]
            if wanted.get("version") in (None, candidate["version"])
        )
        waiting += [
            dependency
            for extra in wanted.get("extra", [])
            for dependency in package["optional-dependencies"][extra]
        ]
        if wanted["name"] not in chosen:
            chosen[wanted["name"]] = package
            waiting += [] if wanted["name"] in ALONE else package.get("dependencies", [])
    pins = {name: (package["version"], frozenset(hashes(package))) for name, package in chosen.items()}
    return pins, chosen


def hashes(package: dict[str, Any]) -> Iterator[str]:
    for artefact in (*package.get("wheels", []), package.get("sdist")):
        if artefact is not None:
            yield artefact["hash"]


def required(runtime: str) -> Pins:
    """Version and hashes by name of every requirement that applies in the image."""
    text = (SOURCE / "deploy" / f"requirements-{runtime}.txt").read_text().replace("\\\n", " ")
    pins: Pins = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        specification, *_ = line.split(" --hash=")
        requirement = Requirement(specification)
        assert requirement.marker is None or isinstance(requirement.marker, Marker)
        if requirement.marker is None or requirement.marker.evaluate(IMAGE_PYTHON):
            version = str(requirement.specifier).removeprefix("==")
            pins[requirement.name] = version, frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))
    return pins


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_requirements_are_in_step_with_the_lock(runtime: str) -> None:
    pins, _ = locked(runtime)
    assert required(runtime) == pins
    assert len(pins) <= 30
    assert not pins.keys() & {name for other in RUNTIMES if other != runtime for name in PACKAGES[other]}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_requirement_has_a_wheel_for_the_image(runtime: str) -> None:
    glibc = [f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)]
    glibc += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    tags = {*cpython_tags((3, 11), platforms=glibc), *compatible_tags((3, 11), "cp311", glibc)}
    _, packages = locked(runtime)
    for name, package in packages.items():
        wheels = [Path(wheel["url"]).name for wheel in package["wheels"]]
        assert any(parse_wheel_filename(wheel)[3] & tags for wheel in wheels), name
