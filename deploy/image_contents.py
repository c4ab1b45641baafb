"""An image with everything in it: its configuration, its layers member by member, and the files of all.

Every blob is the one that the manifest names, and every layer the one that the configuration names.

Source: opencontainers/image-spec v1.1, config.md and layer.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from attestation.digests import Digest, parse_digest
from attestation.errors import Misconfigured

from .layers import Keeps, LayerRejected, Limits, Member, Spent, Store, read_layer
from .layout import Layout
from .root_file_system import merge

_MOST_LAYERS: Final = 500
_MOST_CONFIGURATION_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerContent:
    """A layer: its blob's digest, that of its tar uncompressed, and the tar's members in their order."""

    digest: Digest
    diff_id: Digest
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContents:
    """An image, read whole. `configuration` is what a container is started with; `files` has folders too.

    `annotations` and `history` are what its builder says of how it came to be.
    """

    digest: Digest
    image_id: Digest
    annotations: Mapping[str, str]
    history: tuple[str, ...]
    configuration: Mapping[str, Any]
    layers: tuple[LayerContent, ...]
    files: Mapping[str, Member]

    @property
    def labels(self) -> dict[str, str]:
        """The author's labels."""
        return {str(key): str(value) for key, value in (self.configuration.get("Labels") or {}).items()}

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a container has."""
        pairs = (str(each).partition("=") for each in self.configuration.get("Env") or ())
        return {name: value for name, _, value in pairs}


def read_contents(
    layout: Layout,
    *,
    store: Store,
    keeps: Keeps,
    limits: Limits | None = None,
    on_layer: Callable[[int, int], None] = lambda number, of: None,
) -> ImageContents:
    """The image in the layout. What `keeps` asks for is in the `store`; `on_layer` hears of each layer.

    Raises:
        EvidenceRejected: a blob or a layer is not what its digest says.
        LayerRejected: a layer is hostile, or beyond the limits.
        Misconfigured: a blob is not there, or the configuration is none.
        NotKnown: a layer is compressed in a way that is not read here.
    """
    annotations = layout.manifest.get("annotations") or {}
    document, history, diff_ids = _configuration(layout)
    descriptors = layout.manifest["layers"]
    if len(descriptors) != len(diff_ids):
        raise LayerRejected(
            f"the manifest has {len(descriptors)} layers, and the configuration {len(diff_ids)}",
            hint="do not run this image; ask its owner who built it",
        )
    spent = Spent(limits or Limits())
    layers = []
    for number, (descriptor, named) in enumerate(zip(descriptors, diff_ids, strict=True), start=1):
        on_layer(number, len(descriptors))
        digest = parse_digest(descriptor["digest"])
        name = f"layer {number}"
        found, members = read_layer(layout.file(digest), name=name, store=store, keeps=keeps, spent=spent)
        if found != named:
            raise LayerRejected(
                f"{name} is not the one that the image's configuration names: `{found}`",
                hint="do not run this image; ask its owner who built it",
            )
        layers.append(LayerContent(digest=digest, diff_id=found, members=members))
    return ImageContents(
        digest=layout.digest,
        image_id=parse_digest(layout.manifest["config"]["digest"]),
        annotations={str(key): str(value) for key, value in annotations.items()},
        history=history,
        configuration=document,
        layers=tuple(layers),
        files=merge([layer.members for layer in layers]),
    )


def _configuration(layout: Layout) -> tuple[dict[str, Any], tuple[str, ...], list[Digest]]:
    """What a container is started with, how it came to be, and the digests of the layers' tars."""
    try:
        size = layout.file(layout.manifest["config"]["digest"]).stat().st_size
        if size > _MOST_CONFIGURATION_BYTES or len(layout.manifest["layers"]) > _MOST_LAYERS:
            raise ValueError
        document = json.loads(layout.configuration)
        config = dict(document.get("config") or {})
        if document.get("os", "linux") != "linux" or document.get("architecture", "amd64") != "amd64":
            raise Misconfigured(
                "the image is not for linux/amd64, which is what Confidential Space runs",
                hint="of an image of several platforms, audit linux/amd64's",
            )
        _check_shape(config)
        history = tuple(
            "; ".join(str(each[key]) for key in ("created", "created_by", "comment") if each.get(key))
            for each in document.get("history") or ()
        )
        return config, history, [parse_digest(each) for each in document["rootfs"]["diff_ids"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Misconfigured(
            "the image's configuration is none that a container can be started with",
            hint="build the image again, or copy it whole",
        ) from None


def _check_shape(config: Mapping[str, Any]) -> None:
    """The members that are read below have the types that image-spec gives them."""
    for key in ("Env", "Entrypoint", "Cmd"):
        if not all(isinstance(each, str) for each in list(config.get(key) or ())):
            raise TypeError
    labels = dict(config.get("Labels") or {})
    if not all(isinstance(each, str) for each in (*labels, *labels.values())):
        raise TypeError
