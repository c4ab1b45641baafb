"""Wheels that the lock knows by their hashes, and the files that pip makes of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attestation.errors import EvidenceRejected, Misconfigured, Unavailable
from deploy.image import SOURCE
from deploy.wheels import SITE, Requirement, Wheels, download, parse_requirements, platforms_of, read_wheels
from tests.checkouts import INFO, SCRIPT, WHEEL_FILES, wheel_bytes
from tests.images import hex_of


def requirement(*wheels: bytes, name: str = "small") -> Requirement:
    return Requirement(name=name, version="1.0", hashes=frozenset(map(hex_of, wheels)))


def read(folder: Path, wheels: dict[str, bytes], *wanted: Requirement, **installed: str) -> Wheels:
    for name, data in wheels.items():
        (folder / name).write_bytes(data)
    return read_wheels(folder, wanted, installed=installed.get("installed", {}))  # type: ignore[arg-type]


@pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
def test_the_requirements_of_this_checkout_are_read(runtime: str) -> None:
    text = (SOURCE / "deploy" / f"requirements-{runtime}.txt").read_text()
    found = parse_requirements(text)
    assert len(found) == text.count("==") - text.count("_platform ==") - text.count("_implementation ==")
    assert sum(len(each.hashes) for each in found) == text.count("--hash=")
    assert all(len(each.hashes) >= 1 for each in found)


@pytest.mark.parametrize("text", ["", "small==1.0\n", "small>=1.0 --hash=sha256:" + "0" * 64])
def test_requirements_without_hashes_are_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="do not pin every package"):
        parse_requirements(text)


def test_a_wheel_s_files_are_where_pip_puts_them(tmp_path: Path) -> None:
    files = {
        **WHEEL_FILES,
        "small-1.0.data/purelib/pure.py": b"1",
        "small-1.0.data/scripts/run": b"#!python\nrun\n",
        "small-1.0.data/data/share/x": b"2",
    }
    wheel = wheel_bytes(files)
    found = read(tmp_path, {"a.whl": wheel}, requirement(wheel))
    (only,) = found.wheels
    assert (only.sha256, found.absent) == (hex_of(wheel), ())
    assert only.files[f"{SITE}/small/__init__.py"] == {hex_of(b"X = 1\n")}
    assert only.files[f"{SITE}/pure.py"] == {hex_of(b"1")}
    assert only.files["usr/local/share/x"] == {hex_of(b"2")}
    assert hex_of(b"#!/usr/local/bin/python3.11\nrun\n") in only.files["usr/local/bin/run"]
    assert hex_of(SCRIPT) in only.files["usr/local/bin/small"]
    assert only.files[f"{SITE}/{INFO}/INSTALLER"] == {hex_of(b"pip\n")}
    assert f"{SITE}/small/tests/test_small.py" in only.optional
    assert f"{SITE}/small/__init__.py" not in only.optional


@pytest.mark.parametrize(
    ("name", "may_be_missing"),
    [
        ("tensorflow/libtensorflow_cc.so.2", False),
        ("tensorflow/THIRD_PARTY_NOTICES.txt", False),
        ("tensorflow/python/x.py", True),
        ("tensorflow/__init__.py", True),
        ("tensorflow_cpu-1.dist-info/METADATA", False),
        ("numpy/tests/x.py", True),
        ("numpy/tests.py", False),
    ],
)
def test_what_the_dockerfile_removes_may_be_missing(tmp_path: Path, name: str, may_be_missing: bool) -> None:
    wheel = wheel_bytes({name: b"1"})
    (only,) = read(tmp_path, {"a.whl": wheel}, requirement(wheel)).wheels
    assert (f"{SITE}/{name}" in only.optional) is may_be_missing


def test_a_wheel_that_the_lock_does_not_know_is_passed_over(tmp_path: Path) -> None:
    wanted = requirement(b"another")
    found = read(tmp_path, {"a.whl": wheel_bytes(), "b.txt": b"", "c.whl": b""}, wanted)
    assert (found.wheels, found.absent) == ((), (wanted,))


def test_of_two_platforms_the_one_that_is_installed_counts(tmp_path: Path) -> None:
    marks = {each: f"Tag: cp311-abi3-{each}\n".encode() for each in ("manylinux_2_28_x86_64", "musllinux")}
    wheels = {f"{each}.whl": wheel_bytes({f"{INFO}/WHEEL": mark}) for each, mark in marks.items()}
    wanted, place = requirement(*wheels.values()), f"{SITE}/{INFO}/WHEEL"
    for mark in marks.values():
        found = read(tmp_path, wheels, wanted, installed={place: hex_of(mark)})  # type: ignore[arg-type]
        assert [each.files[place] for each in found.wheels] == [{hex_of(mark)}]
    # A third one is installed: of it there is no wheel here, and nothing is said of its files.
    found = read(tmp_path, wheels, wanted, installed={place: hex_of(b"x")})  # type: ignore[arg-type]
    assert (found.wheels, found.absent) == ((), (wanted,))
    # None is: all of it is missing.
    assert len(read(tmp_path, wheels, wanted).wheels) == 1


def test_a_file_of_two_wheels_is_either_s(tmp_path: Path) -> None:
    one, two = wheel_bytes({"google/__init__.py": b"1"}), wheel_bytes({"google/__init__.py": b"2"})
    found = read(tmp_path, {"a.whl": one, "b.whl": two}, requirement(one), requirement(two, name="other"))
    assert len(found.files[f"{SITE}/google/__init__.py"]) == 2


def test_a_wheel_of_the_lock_that_is_no_archive_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(EvidenceRejected, match=r"the wheel of `small==1\.0` is no archive"):
        read(tmp_path, {"a.whl": b"no zip"}, requirement(b"no zip"))


def test_platforms_are_asked_for_as_pip_takes_them() -> None:
    marks = [
        "Tag: cp311-abi3-manylinux_2_34_x86_64\nTag: cp311-abi3-manylinux_2_5_x86_64",
        "Tag: py3-none-any",
    ]
    found = platforms_of(marks)
    assert found[0] == "manylinux_2_34_x86_64"
    assert found.index("manylinux_2_28_x86_64") < found.index("manylinux_2_5_x86_64")
    assert "any" not in found


def test_pip_is_asked_for_wheels_by_hash_and_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    download("a==1 ; x == 'y' \\\n    --hash=sha256:0\n", tmp_path, scratch=tmp_path, platforms=["p", "q"])
    asked = (tmp_path / "asked").read_text().split("\n")
    assert asked[:3] == ["-m", "pip", "download"]
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(asked)
    assert [asked[at + 1] for at, word in enumerate(asked) if word == "--platform"] == ["p", "q"]
    assert (tmp_path / "requirements.txt").read_text() == "a==1 \\\n    --hash=sha256:0\n"


def test_a_network_that_is_not_there_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Unavailable, match="pip could not fetch the wheels"):
        download("a==1", tmp_path, scratch=tmp_path, platforms=[])
