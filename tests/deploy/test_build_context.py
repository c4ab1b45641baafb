"""The folder that a container engine builds from: what the Dockerfile names, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from deploy.build_context import CA, PIP_CONFIG, lay_out_context
from deploy.image import DOCKERFILE, RUNTIMES, SOURCE, read_dockerfile


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_context_is_what_the_dockerfile_copies(tmp_path: Path, runtime: str) -> None:
    context = tmp_path / "context"
    lay_out_context(context, terms=b"terms", root=b"root", runtime=runtime)
    copied = {source for copy in read_dockerfile(SOURCE, runtime=runtime).copies for source in copy.sources}
    assert names(context) == copied | {DOCKERFILE, f"deploy/requirements-{runtime}.txt"}
    assert (context / "terms.toml").read_bytes() == b"terms"
    assert (context / "root.pem").read_bytes() == b"root"


def test_what_the_network_of_the_build_needs_lies_where_nothing_is_copied_from(tmp_path: Path) -> None:
    settings = tmp_path / "mine"
    settings.write_text("[global]\n")
    context = tmp_path / "context"
    lay_out_context(
        context, terms=b"", root=b"", runtime="openvino", beside={PIP_CONFIG: settings, CA: settings}
    )
    beside = {f"deploy/{PIP_CONFIG}", f"deploy/{CA}"}
    assert beside < names(context)
    copied = {
        source for copy in read_dockerfile(SOURCE, runtime="openvino").copies for source in copy.sources
    }
    assert not beside & copied
    ignored = (SOURCE / ".dockerignore").read_text().splitlines()
    assert all(f"!{name}" in ignored for name in beside)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deploy").mkdir(parents=True)
    (source / DOCKERFILE).write_text("FROM base\nCOPY room/a.py /app/\n")
    (source / "deploy" / "requirements-openvino.txt").write_text("")
    with pytest.raises(Misconfigured, match=r"room/a\.py"):
        lay_out_context(tmp_path / "context", terms=b"", root=b"", runtime="openvino", source=source)
