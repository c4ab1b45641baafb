"""The image holds what `python -m workload` imports, and not a file more."""

from __future__ import annotations

import grimp
import pytest

from deploy.image import SOURCE, TERMS, read_dockerfile

ROOMS = ("attestation", "policy", "workload", "emulator", "deploy", "symbolon")


def import_closure() -> set[str]:
    """The files of our own that importing `workload.__main__` reads, relative to the checkout."""
    graph = grimp.build_graph(*ROOMS, exclude_type_checking_imports=True, cache_dir=None)
    modules = {"workload.__main__"} | graph.find_upstream_modules("workload.__main__")
    # Importing a.b imports a first, whatever a says.
    packages = {
        module.rsplit(".", depth)[0] for module in modules for depth in range(1, module.count(".") + 1)
    }
    return {file_of(module) for module in modules | packages}


def file_of(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (SOURCE / path).is_dir() else f"{path}.py"


def test_the_dockerfile_copies_the_import_closure_of_the_workload() -> None:
    copied = {source for copy in read_dockerfile().copies for source in copy.sources} - {TERMS}
    needed = import_closure()
    assert sorted(needed - copied) == [], "deploy/Dockerfile has to copy these"
    assert sorted(copied - needed) == [], "deploy/Dockerfile need not copy these"


def test_every_file_is_where_its_import_name_says() -> None:
    targets = {
        source: target for copy in read_dockerfile().copies for source, target in copy.targets().items()
    }
    assert targets == {source: f"app/{source}" for source in targets}


@pytest.mark.parametrize("room", ["policy", "emulator", "deploy", "symbolon"])
def test_no_other_room_is_in_the_image(room: str) -> None:
    copied = {source for copy in read_dockerfile().copies for source in copy.sources}
    assert not [source for source in copied if source.startswith(f"{room}/")]


def test_the_build_context_is_closed_to_everything_else() -> None:
    lines = (SOURCE / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert allowed == {"attestation", "workload", "deploy/requirements.txt", TERMS}
