"""The image holds what `python -m workload` imports, and not a file more."""

from __future__ import annotations

import grimp
import pytest

from deploy.build_context import CA, PIP_CONFIG
from deploy.image import ROOT, RUNTIMES, SOURCE, TERMS, read_dockerfile
from workload.runtimes.tensorflow_library import wheel_folder

ROOMS = ("attestation", "contract", "policy", "workload", "emulator", "deploy", "release", "symbolon")


def import_closure(runtime: str) -> set[str]:
    """The files of our own that importing the program and its runtime reads, relative to the checkout."""
    graph = grimp.build_graph(*ROOMS, exclude_type_checking_imports=True, cache_dir=None)
    roots = {"workload.__main__", f"workload.runtimes.{runtime}"}
    modules = roots.union(*(graph.find_upstream_modules(root) for root in roots))
    # Importing a.b imports a first, whatever a says.
    packages = {
        module.rsplit(".", depth)[0] for module in modules for depth in range(1, module.count(".") + 1)
    }
    return {file_of(module) for module in modules | packages}


def file_of(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (SOURCE / path).is_dir() else f"{path}.py"


def copied_files(runtime: str) -> set[str]:
    return {source for copy in read_dockerfile(runtime=runtime).copies for source in copy.sources}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_dockerfile_copies_the_import_closure_of_the_workload(runtime: str) -> None:
    copied = copied_files(runtime) - {TERMS, ROOT}
    needed = import_closure(runtime)
    assert sorted(needed - copied) == [], "deploy/Dockerfile has to copy these"
    assert sorted(copied - needed) == [], "deploy/Dockerfile need not copy these"


def test_every_runtime_has_its_image() -> None:
    modules = {path.stem for path in (SOURCE / "workload" / "runtimes").glob("*.py")}
    own = {module for module in modules if any(module.startswith(f"{runtime}_") for runtime in RUNTIMES)}
    assert modules - own - {"__init__", "signature"} == set(RUNTIMES)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_image_holds_one_runtime(runtime: str) -> None:
    others = tuple(f"workload/runtimes/{name}" for name in RUNTIMES if name != runtime)
    assert not [source for source in copied_files(runtime) if source.startswith(others)]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_file_is_where_its_import_name_says(runtime: str) -> None:
    copies = read_dockerfile(runtime=runtime).copies
    targets = {source: target for copy in copies for source, target in copy.targets().items()}
    assert targets == {source: f"app/{source}" for source in targets}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("room", ["policy", "emulator", "deploy", "release", "symbolon"])
def test_no_other_room_is_in_the_image(room: str, runtime: str) -> None:
    assert not [source for source in copied_files(runtime) if source.startswith(f"{room}/")]


def test_of_tensorflow_its_libraries_alone_are_in_the_image() -> None:
    text = (SOURCE / "deploy" / "Dockerfile").read_text()
    assert "! -name 'libtensorflow_*.so.2' ! -name '*NOTICES*' -exec rm -r {} +" in text
    kept = list(wheel_folder().glob("libtensorflow_*.so.2"))
    assert sorted(path.name for path in kept) == ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"]
    assert sum(path.stat().st_size for path in kept) < 900_000_000


def test_the_build_context_is_closed_to_everything_else() -> None:
    lines = (SOURCE / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    requirements = {f"deploy/requirements-{runtime}.txt" for runtime in RUNTIMES}
    network = {f"deploy/{PIP_CONFIG}", f"deploy/{CA}"}  # of the build alone: nothing copies them
    assert allowed == {"attestation", "contract", "workload", TERMS, ROOT} | requirements | network
