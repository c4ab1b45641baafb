"""The SPDX document: valid, the same each time, and without a licence that nobody stated."""

from __future__ import annotations

import builtins
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spdx_tools.spdx.parser.json.json_parser import parse_from_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from attestation.errors import Misconfigured
from deploy.installed import Package
from symbolon.auditor.sbom import check_sbom_can_be_written, render_sbom

DIGEST = "sha256:" + "1" * 64
AT = datetime(2026, 11, 27, 12, 0, 0, 999, tzinfo=UTC)
PACKAGES = [
    Package(kind="deb", name="libstdc++6", version="1:12.2.0-14"),
    Package(kind="pypi", name="numpy", version="2.4.6", licence="BSD-3-Clause AND MIT"),
    Package(kind="pypi", name="odd_name", version="1.0+local", licence="Not-A-Licence"),
    Package(kind="pypi", name="silent", version="1.0"),
]


def document() -> dict[str, Any]:
    return dict(json.loads(render_sbom(DIGEST, PACKAGES, made_at=AT)))


def test_its_own_library_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "sbom.spdx.json").write_text(render_sbom(DIGEST, PACKAGES, made_at=AT))
    assert validate_full_spdx_document(parse_from_file(str(tmp_path / "sbom.spdx.json"))) == []


def test_a_licence_is_stated_or_there_is_no_assertion() -> None:
    declared = {each["name"]: each.get("licenseDeclared") for each in document()["packages"]}
    assert declared == {
        "image": None,
        "libstdc++6": "NOASSERTION",
        "numpy": "BSD-3-Clause AND MIT",
        "odd_name": "NOASSERTION",
        "silent": "NOASSERTION",
    }


def test_every_package_is_found_by_its_url() -> None:
    found = [each["externalRefs"][0]["referenceLocator"] for each in document()["packages"][1:]]
    assert found == [
        "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14",
        "pkg:pypi/numpy@2.4.6",
        "pkg:pypi/odd-name@1.0%2Blocal",
        "pkg:pypi/silent@1.0",
    ]


def test_it_is_of_this_image_at_that_time_and_the_same_each_time() -> None:
    found = document()
    assert (found["packages"][0]["versionInfo"], found["creationInfo"]["created"]) == (
        DIGEST,
        "2026-11-27T12:00:00Z",
    )
    assert render_sbom(DIGEST, PACKAGES, made_at=AT) == render_sbom(DIGEST, PACKAGES, made_at=AT)


def test_without_the_library_the_hint_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    check_sbom_can_be_written()
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("spdx_tools"):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Misconfigured, match="spdx-tools") as refused:
        check_sbom_can_be_written()
    assert "scripts/environment sbom" in refused.value.hint
