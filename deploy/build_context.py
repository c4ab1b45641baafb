"""What a container engine is given to build the image from: the Dockerfile's files, and nothing besides.

A context of its own: a checkout is never written to, and whatever lies about in it neither enters the
image nor slows its build.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from .image import DOCKERFILE, ROOT, SOURCE, TERMS, files_of, read_dockerfile

PIP_CONFIG = "pip.conf"
"""pip's settings during the build: of an index, or of certificates as `cert = /mnt/ca.pem`."""
CA = "ca.pem"


def lay_out_context(
    folder: Path,
    *,
    terms: bytes,
    root: bytes,
    runtime: str,
    source: Path = SOURCE,
    beside: Mapping[str, Path] | None = None,
) -> None:
    """`folder` has what the Dockerfile under `source` copies, the owner's `terms` and the platform's `root`.

    `beside` are `PIP_CONFIG` and `CA`, where the builder's network needs them: they do not enter the image.

    Raises:
        Misconfigured: as `deploy.image.build_image` does.
        OSError: a file cannot be read, or the folder cannot be written.
    """
    dockerfile = read_dockerfile(source, runtime=runtime)
    deploy = folder / Path(DOCKERFILE).parent
    deploy.mkdir(parents=True)
    shutil.copyfile(source / DOCKERFILE, folder / DOCKERFILE)
    requirements = f"requirements-{runtime}.txt"
    shutil.copyfile(source / "deploy" / requirements, deploy / requirements)
    for name, content in files_of(dockerfile, {TERMS: terms, ROOT: root}, source).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for name, path in (beside or {}).items():
        shutil.copyfile(path, deploy / name)
