"""What a checkout says of its image."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from deploy.expected import Expected, expect
from deploy.image import SOURCE
from tests.checkouts import lay_out_checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return lay_out_checkout(tmp_path / "checkout")


def expected(source: Path, *, terms: bytes = b"terms") -> Expected:
    return expect(source, terms=terms, root=b"root", runtime="openvino")


def test_it_is_the_dockerfile_s_files_and_settings(checkout: Path) -> None:
    found = expected(checkout)
    assert found.files["app/terms.toml"] == (b"terms", 0o644)
    assert found.files["app/root.pem"] == (b"root", 0o644)
    program = (SOURCE / "workload/__main__.py").read_bytes()
    assert found.files["app/workload/__main__.py"] == (program, 0o644)
    assert (found.folder, found.stray, found.absent) == ("app", (), ())
    assert found.configuration["Entrypoint"] == ["python", "-m", "workload"]


def test_its_digest_is_of_all_that_a_build_reads(checkout: Path) -> None:
    before = expected(checkout).digest
    assert expected(checkout).digest == before
    assert expected(checkout, terms=b"others").digest != before
    for name in ("workload/results.py", "deploy/Dockerfile", "deploy/requirements-openvino.txt"):
        text = (checkout / name).read_text()
        (checkout / name).write_text(text + "# more\n")
        assert expected(checkout).digest != before, name
        (checkout / name).write_text(text)
    assert expected(checkout).digest == before


def test_what_is_copied_and_not_imported_is_stray(checkout: Path) -> None:
    dockerfile = checkout / "deploy" / "Dockerfile"
    (checkout / "workload" / "extra.py").write_text("")
    dockerfile.write_text(
        dockerfile.read_text().replace("workload/claiming.py", "workload/extra.py workload/claiming.py")
    )
    assert expected(checkout).stray == ("workload/extra.py",)


def test_what_is_imported_and_not_copied_is_absent(checkout: Path) -> None:
    (checkout / "workload" / "extra.py").write_text("")
    program = checkout / "workload" / "program.py"
    program.write_text(program.read_text() + "from . import extra\n")
    assert expected(checkout).absent == ("workload/extra.py",)


@pytest.mark.parametrize("missing", ["deploy", "deploy/requirements-openvino.txt", "workload/results.py"])
def test_a_folder_that_is_no_checkout_is_said(checkout: Path, missing: str) -> None:
    if (checkout / missing).is_dir():
        shutil.rmtree(checkout / missing)
    else:
        (checkout / missing).unlink()
    with pytest.raises(Misconfigured, match=r"checkout|which does not exist"):
        expected(checkout)
