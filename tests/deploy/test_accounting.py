"""Each file of an image has a source, differs from it, or has none: one thing changed in a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.accounting import BYTECODE, INTERPRETER, PACKAGES, SETTINGS, SYSTEM, Accounting, account
from deploy.expected import Expected, expect
from deploy.image_contents import ImageContents, read_contents
from deploy.layers import Store
from deploy.layout import read_layout
from deploy.wheels import SITE, parse_requirements, read_wheels
from tests import images
from tests.checkouts import base_files, compiled, lay_out_checkout, our_files, wheel_bytes
from tests.images import File

TERMS, ROOT = b"terms", b"root"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out_checkout(tmp_path_factory.mktemp("source") / "checkout")


@pytest.fixture(scope="module")
def expected(checkout: Path) -> Expected:
    return expect(checkout, terms=TERMS, root=ROOT, runtime="openvino")


Book = Callable[..., Accounting]


@pytest.fixture
def book(expected: Expected, tmp_path: Path) -> Book:
    """The accounting of an image with these files above the base; `config` is put over the Dockerfile's."""

    def made(
        *ours: File,
        base: list[File] | None = None,
        config: dict[str, object] | None = None,
        wheels: bool = True,
        known: bool = True,
    ) -> Accounting:
        below = base_files() if base is None else base
        image = read(tmp_path / "image", below, list(ours), {**expected.configuration, **(config or {})})
        folder = tmp_path / "wheels"
        folder.mkdir()
        if wheels:
            (folder / "small-1.0-py3-none-any.whl").write_bytes(wheel_bytes())
        vouched = read(tmp_path / "known", base_files()[:2], [], {"Env": ["PYTHON_VERSION=3.11.9"]})
        sums = {path: member.sha256 for path, member in image.files.items()}
        return account(
            image,
            expected,
            read_wheels(folder, parse_requirements(expected.requirements), installed=sums),
            store=Store(tmp_path),
            known=(vouched,) if known else (),
        )

    def read(layout: Path, below: list[File], ours: list[File], config: dict[str, object]) -> ImageContents:
        images.write_layout(layout, [images.tar_of(*below), images.tar_of(*ours)], config=config)
        return read_contents(read_layout(layout), store=Store(tmp_path), keeps=lambda path, size: True)

    return made


@pytest.fixture(scope="module")
def ours(checkout: Path) -> list[File]:
    return our_files(checkout, terms=TERMS, root=ROOT)


def words(found: Accounting) -> list[tuple[str, str]]:
    every = (*found.ours.first, *found.wheels.first, *found.settings.first)
    return [(each.path, each.what) for each in every]


def open_(found: Accounting) -> dict[str, int]:
    return {each.what: each.count for each in found.unaccounted}


def test_every_file_of_an_honest_image_has_its_source(book: Book, ours: list[File], tmp_path: Path) -> None:
    bytecode = compiled([*ours, *base_files()], tmp_path / "scratch")
    found = book(*ours, *bytecode)
    assert (words(found), open_(found), found.differs) == ([], {}, False)
    count = sum(1 for each in ours if each.kind == b"0")
    known = next(name for name in found.by if name.startswith("the known image sha256:"))
    assert found.by == {
        "bytecode, compiled again": len(bytecode),
        "the checkout": count,
        known: 2,
        "wheels of the lock": 8,
    }


def test_without_a_known_image_the_base_has_no_source(book: Book, ours: list[File]) -> None:
    found = book(*ours, known=False)
    assert (words(found), open_(found)) == ([], {INTERPRETER: 1, SYSTEM: 1})


def test_without_wheels_packages_have_no_source(book: Book, ours: list[File]) -> None:
    found = book(*ours, wheels=False)
    assert words(found) == []
    assert open_(found) == {PACKAGES: 7, INTERPRETER: 1}


def added(path: str, content: bytes = b"import os\n", **more: int) -> Callable[[list[File]], list[File]]:
    return lambda files: [*files, File(path=path, content=content, **more)]  # type: ignore[arg-type]


def changed(path: str, **more: Any) -> Callable[[list[File]], list[File]]:
    return lambda files: [replace(each, **more) if each.path == path else each for each in files]


def without(path: str) -> Callable[[list[File]], list[File]]:
    return lambda files: [each for each in files if each.path != path]


TERMS_FILE = "app/terms.toml"
LABEL = "tee.launch_policy.allow_"
RESULTS = "app/workload/results.py"
SMALL = f"{SITE}/small/__init__.py"


@pytest.mark.parametrize(
    ("change", "path", "what"),
    [
        pytest.param(changed(RESULTS, content=b"evil\n"), RESULTS, "other bytes", id="a module of ours"),
        pytest.param(changed(TERMS_FILE, content=b"x"), "app/terms.toml", "other bytes", id="the terms"),
        pytest.param(changed("app/root.pem", content=b"x"), "app/root.pem", "other bytes", id="the root"),
        pytest.param(changed(RESULTS, mode=0o666), RESULTS, "other mode", id="a module that all may write"),
        pytest.param(changed(RESULTS, uid=65532), RESULTS, "other owner", id="a module of another owner"),
        pytest.param(without(RESULTS), RESULTS, "missing", id="a module that is missing"),
        pytest.param(added("app/numpy.py"), "app/numpy.py", "added", id="a module before a package"),
        pytest.param(added("app/x/y.txt"), "app/x", "added", id="a folder of something else"),
        pytest.param(
            added("app/workload/__pycache__/results.cpython-399.pyc"), "", "", id="bytecode that nobody reads"
        ),
        pytest.param(
            added("app/workload/__pycache__/gone.cpython-311.pyc"),
            "app/workload/__pycache__/gone.cpython-311.pyc",
            "added",
            id="bytecode without a source",
        ),
        pytest.param(changed("app", mode=0o777), "app", "other mode", id="a folder that all may write"),
        pytest.param(added(SMALL), SMALL, "other bytes", id="a package's file, in a later layer"),
        pytest.param(added(f"{SITE}/small/.wh.__init__.py"), SMALL, "missing", id="a package's file gone"),
        pytest.param(added(SMALL, b"X = 1\n", mode=0o4755), SMALL, "other mode", id="a package's set-ID"),
        pytest.param(
            added(f"{SITE}/small-1.0.dist-info/INSTALLER", b"me\n"),
            f"{SITE}/small-1.0.dist-info/INSTALLER",
            "other bytes",
            id="another installer",
        ),
        pytest.param(
            added("usr/local/bin/small", b"#!/bin/sh\n", mode=0o755),
            "usr/local/bin/small",
            "other bytes",
            id="a console script",
        ),
    ],
)
def test_one_thing_changed_is_one_difference(
    book: Book,
    ours: list[File],
    change: Callable[[list[File]], list[File]],
    path: str,
    what: str,
) -> None:
    found = book(*change(ours))
    if not what:  # not a difference, and not in order either
        assert open_(found) == {BYTECODE: 1}
        return
    assert (path, what) in words(found)
    assert found.differs
    assert len(words(found)) <= 2


def test_bytecode_of_ours_that_its_source_does_not_make_differs(
    book: Book, ours: list[File], tmp_path: Path
) -> None:
    """The source is in order, and what would run is not."""
    bytecode = compiled(ours, tmp_path / "scratch")
    (place,) = (each for each in bytecode if each.path.startswith("app/workload/__pycache__/results."))
    evil = [
        replace(each, content=each.content[:-8] + b"evilevil") if each is place else each for each in bytecode
    ]
    found = book(*ours, *evil)
    assert words(found) == [(place.path, "other bytecode")]


def test_bytecode_of_a_source_without_a_source_has_none_either(
    book: Book, ours: list[File], tmp_path: Path
) -> None:
    strange = [File(path=f"{SITE}/strange.py", content=b"Y = 2\n")]
    found = book(*ours, *strange, *compiled(strange, tmp_path / "scratch"))
    assert (words(found), open_(found)) == ([], {PACKAGES: 2})


def test_what_the_interpreter_runs_at_its_start_is_named_first(book: Book, ours: list[File]) -> None:
    strange = [File(path=f"{SITE}/{name}") for name in ("aaa.py", "bbb.py", "zzz.pth", "sitecustomize.py")]
    (found,) = book(*ours, *strange).unaccounted
    assert [path.rpartition("/")[2] for path in found.first[:2]] == ["sitecustomize.py", "zzz.pth"]


@pytest.mark.parametrize(
    ("config", "difference"),
    [
        (
            {"Labels": {"tee.launch_policy.allow_cmd_override": "true"}},
            "Label tee.launch_policy.allow_cmd_override",
        ),
        ({"Cmd": ["--more"]}, "Cmd"),
        ({"User": "0"}, "User"),
        ({"Entrypoint": ["sh"]}, "Entrypoint"),
        ({"Env": ["PATH=/evil"]}, "Env PATH"),
    ],
)
def test_a_setting_that_decides_differs(
    book: Book, ours: list[File], config: dict[str, object], difference: str
) -> None:
    found = book(*ours, config=config)
    assert difference in [path for path, _ in words(found)]


def test_a_variable_of_the_base_needs_a_known_image(book: Book, checkout: Path, ours: list[File]) -> None:
    stated = expect(checkout, terms=TERMS, root=ROOT, runtime="openvino").configuration["Env"]
    assert isinstance(stated, list)
    config: dict[str, object] = {"Env": [*stated, "PYTHON_VERSION=3.11.9", "LD_PRELOAD=/x"]}
    found = book(*ours, config=config)
    assert (words(found), open_(found)) == ([], {SETTINGS: 1})
    assert found.unaccounted[0].first == ("Env LD_PRELOAD=/x",)


def test_a_label_that_the_launcher_does_not_read_is_nobody_s_matter(
    book: Book, expected: Expected, ours: list[File]
) -> None:
    stated = expected.configuration["Labels"]
    assert isinstance(stated, dict)
    found = book(*ours, config={"Labels": {**stated, "io.buildah.version": "1.28.2"}})
    assert (words(found), open_(found)) == ([], {})
