"""What the tests of several files share: a case to be explained, and an image to be audited."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.image import build_image
from tests.checkouts import lay_out_checkout, wheel_bytes
from tests.symbolon.auditor.explaining import Case
from tests.symbolon.auditor.images_to_audit import POLICY, ROOT, TERMS, Audit
from tests.symbolon.conftest import Answered, Ask


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out_checkout(tmp_path_factory.mktemp("source") / "checkout")


@pytest.fixture
def workplace(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the checkout, the terms, and a layout of our files alone, which `policy.toml` pins."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sources, tmp_path / "checkout")
    (tmp_path / "terms.toml").write_text(TERMS)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "small-1.0-py3-none-any.whl").write_bytes(wheel_bytes())
    image = build_image(
        tmp_path / "alone",
        terms=TERMS.encode(),
        root=ROOT,
        source=tmp_path / "checkout",
        runtime="openvino",
    )
    (tmp_path / "policy.toml").write_text(POLICY.format(image.manifest))
    return tmp_path


@pytest.fixture
def audit(ask: Ask, workplace: Path) -> Audit:
    """`audit("alone", …)` is the audit of that layout, an emulator's, as JSON."""

    def audited(image: str, *options: str) -> Answered:
        command = f"auditor image {image} --source checkout --terms terms.toml --emulator --format json"
        return ask(*command.split(), *options)

    return audited
