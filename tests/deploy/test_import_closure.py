"""The files that the program imports, told by the sources alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from deploy.image import ROOT, RUNTIMES, SOURCE, TERMS, read_dockerfile
from deploy.import_closure import import_closure


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_of_this_checkout_it_is_what_the_image_holds(runtime: str) -> None:
    """tests/architecture compares the same list with what a graph of the imports says."""
    copied = {name for copy in read_dockerfile(runtime=runtime).copies for name in copy.sources}
    assert import_closure(SOURCE, runtime=runtime) == copied - {TERMS, ROOT}


def lay_out(root: Path, **files: str) -> Path:
    program = {
        "workload/__init__.py": "",
        "workload/__main__.py": files.pop("program", ""),
        "workload/runtimes/__init__.py": "",
        "workload/runtimes/openvino.py": "",
    }
    for name, text in (
        program | {f"{name.replace('__in__', '/')}.py": text for name, text in files.items()}
    ).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


OWN = {
    "workload/__init__.py",
    "workload/__main__.py",
    "workload/runtimes/__init__.py",
    "workload/runtimes/openvino.py",
}


@pytest.mark.parametrize(
    ("program", "more"),
    [
        pytest.param("import room.a", {"room/__init__.py", "room/a.py"}, id="a module and its package"),
        pytest.param("from room import a", {"room/__init__.py", "room/a.py"}, id="a module as a name"),
        pytest.param("from .beside import x", {"workload/beside.py"}, id="a neighbour"),
        pytest.param("from . import beside", {"workload/beside.py"}, id="a neighbour as a name"),
        pytest.param("def f():\n    import room", {"room/__init__.py"}, id="within a function"),
        pytest.param("import os, json", set(), id="somebody else's"),
        pytest.param(
            "if TYPE_CHECKING:\n    import room\nelse:\n    from . import beside",
            {"workload/beside.py"},
            id="for a type checker alone",
        ),
    ],
)
def test_an_import_leads_to_its_files(tmp_path: Path, program: str, more: set[str]) -> None:
    root = lay_out(tmp_path, program=program, room__in____init__="", room__in__a="", workload__in__beside="")
    assert import_closure(root, runtime="openvino") == OWN | more


def test_a_folder_without_the_program_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no program"):
        import_closure(tmp_path, runtime="openvino")


def test_a_file_that_is_no_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"`workload/__main__\.py` of the checkout is no Python"):
        import_closure(lay_out(tmp_path, program="def"), runtime="openvino")
