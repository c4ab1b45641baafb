"""Images made by hand: layers of any members, and the layouts that hold them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestation.digests import Digest, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A member of a tar: a file, unless `kind` says otherwise."""

    path: str
    content: bytes = b""
    mode: int = 0o644
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    uid: int = 0
    mtime: int = 0
    pax: tuple[tuple[str, str], ...] = ()


def folder(path: str, mode: int = 0o755) -> File:
    return File(path=path, kind=tarfile.DIRTYPE, mode=mode)


def link(path: str, target: str) -> File:
    return File(path=path, kind=tarfile.SYMTYPE, target=target, mode=0o777)


def hard_link(path: str, target: str) -> File:
    return File(path=path, kind=tarfile.LNKTYPE, target=target)


def tar_of(*files: File) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for each in files:
            entry = tarfile.TarInfo(each.path)
            entry.type, entry.mode, entry.uid, entry.mtime = each.kind, each.mode, each.uid, each.mtime
            entry.linkname, entry.size = each.target, len(each.content)
            entry.pax_headers = dict(each.pax)
            archive.addfile(entry, io.BytesIO(each.content))
    return stream.getvalue()


def put(layout: Path, data: bytes) -> Digest:
    """The digest of `data`, which is a blob of the layout now."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
    return digest_of(data)


def write_layout(
    layout: Path,
    tars: Iterable[bytes],
    *,
    config: Mapping[str, Any] | None = None,
    history: Iterable[Mapping[str, str]] = (),
    annotations: Mapping[str, str] | None = None,
    zipped: bool = False,
    diff_ids: list[str] | None = None,
) -> Digest:
    """The folder is an OCI layout of one image with these layers; the image's digest."""
    every = list(tars)
    blobs = [gzip.compress(tar, mtime=0) if zipped else tar for tar in every]
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": diff_ids or [digest_of(tar) for tar in every]},
        "history": list(history),
    }
    settings = json.dumps(document).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": put(layout, settings), "size": len(settings)},
        "layers": [{"digest": put(layout, blob), "size": len(blob)} for blob in blobs],
        "annotations": dict(annotations or {}),
    }
    digest = put(layout, json.dumps(manifest).encode())
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{"digest": digest}]}))
    return digest


def hex_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
