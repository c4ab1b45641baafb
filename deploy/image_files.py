"""One small file of an image, read from its registry: from the highest layer down, until one says what it is.

Source: opencontainers/image-spec, layer.md ("Whiteouts").
"""

from __future__ import annotations

import io
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import Final

from attestation.digests import parse_digest
from attestation.errors import Misconfigured

from .google_api import GoogleApi
from .pulling import LARGEST_DOCUMENT, PublishedImage, read_blob
from .push import ImageReference

_GZIP: Final = b"\x1f\x8b"
_MOST_UNPACKED: Final = 64 << 20


class LayerTooLarge(Misconfigured):
    """The file is in this layer, or below it; `size_mb` is the layer's size as the registry has it."""

    def __init__(self, size: int) -> None:
        self.size_mb = size / 1e6
        super().__init__(f"a layer of {self.size_mb:,.0f} MB is not read for one file", hint="pull the image")


def read_file(api: GoogleApi, reference: ImageReference, image: PublishedImage, path: str) -> bytes | None:
    """The content of the image's file, `app/terms.toml`; None where there is none.

    Raises:
        LayerTooLarge: a layer that may hold it is larger than a document.
        EvidenceRejected: a layer is not what its digest says.
        tarfile.TarError: a layer is no archive.
        Denied, Unavailable: as the registry answers.
    """
    for layer in reversed(image.layers):
        size = int(layer.get("size", 0))
        if size > LARGEST_DOCUMENT:
            raise LayerTooLarge(size)
        data = read_blob(api, reference, parse_digest(str(layer["digest"])), what="a layer")
        found, goes_on = _look_for(path, _unpacked(data))
        if not goes_on:
            return found
    return None


def _unpacked(layer: bytes) -> bytes:
    """The layer's archive.

    Raises:
        LayerTooLarge: there is more in it than a layer of such a size holds.
        tarfile.TarError: it is compressed, and cannot be read.
    """
    if not layer.startswith(_GZIP):
        return layer
    gunzip = zlib.decompressobj(wbits=31)
    try:
        archive = gunzip.decompress(layer, _MOST_UNPACKED)
    except zlib.error as error:
        raise tarfile.ReadError(str(error)) from None
    if gunzip.unconsumed_tail:
        raise LayerTooLarge(_MOST_UNPACKED)
    return archive


def _look_for(path: str, layer: bytes) -> tuple[bytes | None, bool]:
    """What the layer has at `path`, and whether lower layers are still to be asked."""
    whole = PurePosixPath(path)
    whiteouts = {str(each.parent / f".wh.{each.name}") for each in (whole, *whole.parents) if each.name}
    whiteouts |= {str(each / ".wh..wh..opq") for each in whole.parents}
    with tarfile.open(fileobj=io.BytesIO(layer), mode="r:") as archive:
        names = {str(PurePosixPath("/", each.name).relative_to("/")): each for each in archive}
        if (member := names.get(path)) is not None and member.isfile() and member.size <= LARGEST_DOCUMENT:
            content = archive.extractfile(member)
            return (content.read() if content else None), False
    return None, path not in names and not whiteouts & set(names)
