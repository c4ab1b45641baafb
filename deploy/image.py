"""Our part of the image as an OCI layout: what the Dockerfile copies and states, without a container engine.

The layout holds one layer with exactly the files that the Dockerfile copies, and the configuration
that it states. RUN is not executed and the base is not included, so the Python environment is
whatever the layout is run with; the manifest's annotation `symbolon.base` says so. The same files
and terms give the same digest on every machine.

Source: opencontainers/image-spec v1.1, image-layout.md, manifest.md, config.md, layer.md.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from attestation.digests import Digest, digest_of
from attestation.errors import Misconfigured, quoted
from contract.terms import named_runtime

from .dockerfile import Dockerfile, parse_dockerfile

SOURCE = Path(__file__).resolve().parent.parent
"""The folder of the rooms: a checkout, or the `site-packages` of an installed wheel."""
DOCKERFILE = "deploy/Dockerfile"
TERMS = "terms.toml"
ROOT = "root.pem"
"""The certificate that every PKI token of the platform has to lead to: Google's, or an emulator's."""
RUNTIMES = ("tensorflow", "openvino")
"""What the image can be built with, one of them: the Dockerfile's argument `RUNTIME`."""
SOURCE_DATE_EPOCH = 0
"""Every time in the image, in seconds since the epoch: the digest speaks of content alone."""
CREATED = "1970-01-01T00:00:00Z"
"""The same, as a configuration has it."""
LAUNCH_POLICY = "tee.launch_policy."
"""What the labels begin with by which an image's author says what its operator may do."""
BASE_ANNOTATION = "symbolon.base"

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
# Not compressed: what gzip writes differs between versions of zlib, and so would the digest.
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLayout:
    """An OCI image layout in `folder`.

    `manifest` is what the token calls `image_digest`, `config` what it calls `image_id`.
    """

    folder: Path
    manifest: Digest
    config: Digest
    layer: Digest


def build_image(
    folder: Path,
    *,
    terms: bytes,
    root: bytes | None = None,
    source: Path = SOURCE,
    runtime: str = "tensorflow",
) -> ImageLayout:
    """`folder` is the OCI layout of the Dockerfile under `source` with the owner's `terms` in it.

    `root` is the platform's root, in PEM. An image that is built with an emulator's believes that emulator
    about its own earlier work, and has another digest than one that believes Google.

    Raises:
        Misconfigured: the Dockerfile is not of the known subset, or names a file that is not there;
            or the terms name another of the `RUNTIMES` than `runtime`.
    """
    check_runtime(terms, runtime)
    dockerfile = read_dockerfile(source, runtime=runtime)
    layer = layer_of(dockerfile, {TERMS: terms, ROOT: root}, source)
    return write_layout(
        folder,
        layer=layer,
        config=_configuration(dockerfile, digest_of(layer)),
        annotations={BASE_ANNOTATION: "not included"},
    )


def write_layout(
    folder: Path,
    *,
    layer: bytes,
    config: Mapping[str, object],
    annotations: Mapping[str, str],
    below: Iterable[Mapping[str, object]] = (),
) -> ImageLayout:
    """`folder` is the OCI layout of one image: our `layer` on the layers that `below` describes."""
    configuration = _json(config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, configuration),
            "layers": [*below, _descriptor(LAYER_TYPE, layer)],
            "annotations": annotations,
        }
    )
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for blob in (layer, configuration, manifest):
        (blobs / digest_of(blob).removeprefix("sha256:")).write_bytes(blob)
    index = {"schemaVersion": 2, "manifests": [_descriptor(_MANIFEST, manifest)]}
    (folder / "index.json").write_bytes(_json(index))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    return ImageLayout(
        folder=folder, manifest=digest_of(manifest), config=digest_of(configuration), layer=digest_of(layer)
    )


def read_dockerfile(source: Path = SOURCE, *, runtime: str = "tensorflow") -> Dockerfile:
    """What the Dockerfile under `source` says of the image that is built with `runtime`.

    Raises:
        Misconfigured: it is not of the known subset.
    """
    text = (source / DOCKERFILE).read_text(encoding="utf-8")
    dockerfile = parse_dockerfile(text, arguments={"RUNTIME": runtime})
    copies = tuple(replace(copy, sources=_found(copy.sources, source)) for copy in dockerfile.copies)
    return replace(dockerfile, copies=copies)


def _found(names: Iterable[str], source: Path) -> tuple[str, ...]:
    """The files that are named, each module of `NAME*.py` by itself."""
    found: list[str] = []
    for name in names:
        modules = sorted(source.glob(name)) if "*" in name else [source / name]
        found += [module.relative_to(source).as_posix() for module in modules]
    return tuple(found)


def check_runtime(terms: bytes, runtime: str) -> None:
    """The terms name no other runtime. What else they say is for the workload to judge.

    Raises:
        Misconfigured: they do.
    """
    try:
        named = named_runtime(terms.decode())
    except UnicodeDecodeError:
        return
    if named not in (None, runtime):
        raise Misconfigured(
            f"the terms name the runtime {quoted(str(named))}, and this image holds `{runtime}`",
            hint="build the image with the runtime that the terms name, or correct the terms",
        )


def files_of(dockerfile: Dockerfile, owners: Mapping[str, bytes | None], source: Path) -> dict[str, bytes]:
    """What the Dockerfile copies, by its path below `source`; `owners` are the files that the owner provides.

    Raises:
        Misconfigured: a file is not there, or the owner has to provide one.
    """
    return {
        origin: _content(origin, owners, source) for copy in dockerfile.copies for origin in copy.targets()
    }


def layer_of(dockerfile: Dockerfile, owners: Mapping[str, bytes | None], source: Path) -> bytes:
    """The layer with what the Dockerfile copies, as a tar.

    Raises:
        Misconfigured: as `files_of` does.
    """
    return _layer(_files(dockerfile, owners, source))


def _files(
    dockerfile: Dockerfile, owners: Mapping[str, bytes | None], source: Path
) -> dict[str, tuple[bytes, int]]:
    """Content and mode by path in the image."""
    contents = files_of(dockerfile, owners, source)
    return {
        target: (contents[origin], copy.mode)
        for copy in dockerfile.copies
        for origin, target in copy.targets().items()
    }


def _content(origin: str, owners: Mapping[str, bytes | None], source: Path) -> bytes:
    content = owners.get(origin)
    if content is not None:
        return content
    if origin == ROOT:
        raise Misconfigured(
            f"the image needs `{ROOT}`, the root of the platform's tokens, and none is given",
            hint="deploy/README.md says where Google publishes its own",
        )
    try:
        return (source / origin).read_bytes()
    except FileNotFoundError:
        raise Misconfigured(
            f"the dockerfile copies `{origin}`, which does not exist",
            hint="run the architecture tests: they say what to copy",
        ) from None


def _layer(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """A tar of the files and of the folders that hold them, sorted, owned by root, without a time."""
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"."}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folders | set(files)):
            entry = tarfile.TarInfo(path)
            entry.mtime = SOURCE_DATE_EPOCH
            if path in folders:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                content, entry.mode = files[path]
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _configuration(dockerfile: Dockerfile, layer: Digest) -> dict[str, object]:
    """What the launcher reads: how to start the process, and the author's launch policy."""
    return {
        "created": CREATED,
        "architecture": "amd64",
        "os": "linux",
        "config": stated_configuration(dockerfile),
        "rootfs": {"type": "layers", "diff_ids": [layer]},
        "history": [{"created": CREATED, "created_by": "symbolon: COPY of deploy/Dockerfile"}],
    }


def stated_configuration(dockerfile: Dockerfile) -> dict[str, Any]:
    """What the Dockerfile states itself of how the process is started, as an image's `config` has it."""
    return {
        "User": dockerfile.user,
        "Env": [f"{name}={value}" for name, value in dockerfile.environment.items()],
        "Entrypoint": list(dockerfile.entrypoint),
        "WorkingDir": dockerfile.working_dir,
        "Labels": dict(dockerfile.labels),
    }


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
