"""What an image ought to hold of ours, by a checkout, the owner's terms and the platform's root."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attestation.errors import Misconfigured

from .image import DOCKERFILE, ROOT, TERMS, files_of, read_dockerfile
from .import_closure import import_closure


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the Dockerfile of a checkout copies and states.

    `files` are content and mode by the path in the image; `configuration` is as an image's `config`.
    `folder` is the one in the image that holds nothing else. `digest` is a SHA-256 over names and contents of
    all that a build reads. `stray` are copied though nothing imports them; `absent` are the opposite.
    """

    files: Mapping[str, tuple[bytes, int]]
    configuration: Mapping[str, object]
    folder: str
    requirements: str
    digest: str
    stray: tuple[str, ...]
    absent: tuple[str, ...]


def expect(source: Path, *, terms: bytes, root: bytes, runtime: str) -> Expected:
    """What the checkout `source` says of its image with these terms, this root and that runtime.

    Raises:
        Misconfigured: it is no checkout, its Dockerfile is not of the known subset, or a file is not there.
    """
    requirements = f"deploy/requirements-{runtime}.txt"
    try:
        dockerfile = read_dockerfile(source, runtime=runtime)
        owners = {TERMS: terms, ROOT: root}
        contents = files_of(dockerfile, owners, source)
        wheels = (source / requirements).read_text(encoding="utf-8")
        recipe = (source / DOCKERFILE).read_bytes()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(
            "the checkout has no `deploy/Dockerfile` or no requirements beside it",
            hint="name the folder of this project's sources with --source",
        ) from None
    read = {**contents, DOCKERFILE: recipe, requirements: wheels.encode()}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(read.items())}
    needed = import_closure(source, runtime=runtime)
    copied = contents.keys() - owners.keys()
    return Expected(
        files={
            target: (contents[origin], copy.mode)
            for copy in dockerfile.copies
            for origin, target in copy.targets().items()
        },
        configuration={
            "User": dockerfile.user,
            "Env": [f"{name}={value}" for name, value in dockerfile.environment.items()],
            "Entrypoint": list(dockerfile.entrypoint),
            "WorkingDir": dockerfile.working_dir,
            "Labels": dict(dockerfile.labels),
        },
        folder=dockerfile.working_dir.strip("/"),
        requirements=wheels,
        digest="sha256:" + hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest(),
        stray=tuple(sorted(copied - needed)),
        absent=tuple(sorted(needed - copied)),
    )
