"""The packages of an image, and licences that are known without doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.image_contents import read_contents
from deploy.installed import Package, installed, tells_of_packages
from deploy.layers import Store
from deploy.layout import read_layout
from tests.images import File, tar_of, write_layout

OSI = "Classifier: License :: OSI Approved :: "


def packages(tmp_path: Path, *files: File) -> tuple[Package, ...]:
    write_layout(tmp_path, [tar_of(*files)])
    store = Store(tmp_path)
    image = read_contents(
        read_layout(tmp_path), store=store, keeps=lambda path, size: tells_of_packages(path)
    )
    return installed(image, store)


def metadata(text: str, name: str = "small-1.0") -> File:
    content = f"Metadata-Version: 2.4\nName: small\nVersion: 1.0\n{text}\n\nA description: License: no\n"
    return File(path=f"usr/lib/{name}.dist-info/METADATA", content=content.encode())


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("License-Expression: Apache-2.0 OR MIT", "Apache-2.0 OR MIT"),
        (f"{OSI}MIT License", "MIT"),
        (f"{OSI}BSD License", ""),
        (f"License: BSD-3-Clause\n{OSI}BSD License", "BSD-3-Clause"),
        (f"{OSI}MIT License\n{OSI}Apache Software License", ""),
        (f"License: MIT\n{OSI}MIT License\n{OSI}Apache Software License", ""),
        ("License: Apache 2.0", "Apache-2.0"),
        ("License: Copyright (c) somebody, all rights reserved", ""),
        ("License-Expression: <script>", ""),
        ("", ""),
    ],
)
def test_a_licence_is_known_or_is_not(tmp_path: Path, text: str, licence: str) -> None:
    assert packages(tmp_path, metadata(text)) == (
        Package(kind="pypi", name="small", version="1.0", licence=licence),
    )


def test_debian_s_packages_are_those_that_are_installed(tmp_path: Path) -> None:
    status = (
        b"Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nDescription: x\n Package: no\n\n"
        b"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    single = b"Package: base\nVersion: 12\n"
    found = packages(
        tmp_path,
        File(path="var/lib/dpkg/status", content=status),
        File(path="var/lib/dpkg/status.d/base", content=single),
    )
    assert [(each.kind, each.name, each.version) for each in found] == [
        ("deb", "base", "12"),
        ("deb", "libc6", "2.36-9"),
    ]


def test_what_says_nothing_is_no_package(tmp_path: Path) -> None:
    assert packages(tmp_path, File(path="a.dist-info/METADATA", content=b"\xff\x00")) == ()
