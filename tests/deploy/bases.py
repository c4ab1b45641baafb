"""Small bases as OCI layouts: what is in them is made up, and every digest is right."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attestation.digests import Digest, digest_of
from deploy.base_contents import pinned_in
from deploy.image import SOURCE
from deploy.layout import Layout, image_in

SITE: Final = "usr/local/lib/python3.11/site-packages"
PLAIN: Final = "application/vnd.oci.image.layer.v1.tar"
GZIP: Final = f"{PLAIN}+gzip"


def requirements(runtime: str = "openvino") -> str:
    """What the image of that runtime holds beside our own files."""
    return (SOURCE / "deploy" / f"requirements-{runtime}.txt").read_text(encoding="utf-8")


def carried(runtime: str = "openvino", *, site: str = SITE) -> dict[str, bytes]:
    """The files of a base that carries the requirements, as far as anybody looks."""
    names = [
        f"{name.replace('-', '_')}-{version}" for name, version in pinned_in(requirements(runtime)).items()
    ]
    return {"usr/local/bin/python": b"", **{f"{site}/{name}.dist-info/METADATA": b"" for name in names}}


def layer(files: Mapping[str, bytes] | Iterable[str]) -> bytes:
    """A layer with these files."""
    contents = files if isinstance(files, Mapping) else dict.fromkeys(files, b"")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, content in contents.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def put(folder: Path, data: bytes) -> Digest:
    """The digest of `data`, which is a blob of the layout now."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
    return digest_of(data)


def descriptor(folder: Path, kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": put(folder, data), "size": len(data)}


def base(
    folder: Path,
    *layers: bytes,
    config: Mapping[str, Any] | None = None,
    kinds: Sequence[str] = (),
    diff_ids: Sequence[str] | None = None,
    **document: Any,
) -> Layout:
    """The base with these layers; of the kind `GZIP` each is compressed."""
    kinds = kinds or [GZIP] * len(layers)
    found = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": diff_ids or [digest_of(each) for each in layers]},
        **document,
    }
    named = [
        descriptor(folder, kind, gzip.compress(each, mtime=0) if kind.endswith("gzip") else each)
        for kind, each in zip(kinds, layers, strict=True)
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor(folder, "application/vnd.oci.image.config.v1+json", json.dumps(found).encode()),
        "layers": named,
    }
    return image_in(folder, put(folder, json.dumps(manifest).encode()))
