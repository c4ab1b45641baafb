"""Our layer and the owner's terms on a base that carries the requirements: a whole image, without any engine.

The layer is what the Dockerfile copies, and the configuration is the base's with what the Dockerfile states
over it, as a builder leaves them. No program is run, so our own files have no bytecode: the interpreter
compiles them at each start. The same base, files and terms give the same digest on every machine.

Source: opencontainers/image-spec v1.1, manifest.md, config.md and annotations.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attestation.digests import digest_of

from .image import (
    CREATED,
    LAYER_TYPE,
    ROOT,
    SOURCE,
    TERMS,
    ImageLayout,
    check_runtime,
    layer_of,
    read_dockerfile,
    stated_configuration,
    write_layout,
)
from .layout import Layout

BASE_NAME: Final = "org.opencontainers.image.base.name"
"""Annotation of the manifest: where the base was fetched; absent where it came from a folder."""
BASE_DIGEST: Final = "org.opencontainers.image.base.digest"
"""Annotation of the manifest: the digest of the base's own manifest, whose layers come first in ours."""
_OCI_LAYERS: Final = {
    "application/vnd.docker.image.rootfs.diff.tar": LAYER_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER_TYPE}+gzip",
}


def append_image(
    folder: Path,
    base: Layout,
    *,
    name: str | None,
    terms: bytes,
    root: bytes,
    source: Path = SOURCE,
    runtime: str,
) -> ImageLayout:
    """`folder` is the OCI layout of the owner's image on the base; `name` is where the base came from.

    The base's blobs are not copied, where it lies in another folder: the layout points to them.

    Raises:
        Misconfigured: the Dockerfile is not of the known subset, or names a file that is not there; or the
            terms name another runtime than `runtime`.
        EvidenceRejected: the base's configuration is not what its digest says.
    """
    check_runtime(terms, runtime)
    dockerfile = read_dockerfile(source, runtime=runtime)
    layer = layer_of(dockerfile, {TERMS: terms, ROOT: root}, source)
    document = _configuration(
        json.loads(base.configuration), stated_configuration(dockerfile), diff_id=digest_of(layer)
    )
    _point_to(base, folder)
    return write_layout(
        folder,
        layer=layer,
        config=document,
        below=[_as_oci(descriptor) for descriptor in base.manifest["layers"]],
        annotations={**({BASE_NAME: name} if name else {}), BASE_DIGEST: base.digest},
    )


def _configuration(base: Mapping[str, Any], stated: Mapping[str, Any], *, diff_id: str) -> dict[str, Any]:
    """The base's configuration with what the Dockerfile states over it, as a builder makes it of both."""
    below = dict(base.get("config") or {})
    below.pop("Cmd", None)  # a builder drops it where ENTRYPOINT is stated
    variables = dict(each.partition("=")[::2] for each in below.get("Env") or ())
    variables |= dict(each.partition("=")[::2] for each in stated["Env"])
    return {
        "created": CREATED,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            **below,
            **stated,
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Labels": {**(below.get("Labels") or {}), **stated["Labels"]},
        },
        "rootfs": {"type": "layers", "diff_ids": [*base["rootfs"]["diff_ids"], diff_id]},
        "history": [
            *(base.get("history") or ()),
            {"created": CREATED, "created_by": "symbolon: COPY of deploy/Dockerfile"},
        ],
    }


def _as_oci(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """The layer as a manifest of OCI's names it: its bytes are the same."""
    kind = str(descriptor["mediaType"])
    return {
        "mediaType": _OCI_LAYERS.get(kind, kind),
        "digest": descriptor["digest"],
        "size": descriptor["size"],
    }


def _point_to(base: Layout, folder: Path) -> None:
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for descriptor in base.manifest["layers"]:
        place = blobs / str(descriptor["digest"]).removeprefix("sha256:")
        if not place.exists():
            place.symlink_to(base.file(descriptor["digest"]).resolve())
