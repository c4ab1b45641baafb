"""Sealed models, made in one go, with a manifest whose header and key are known."""

from __future__ import annotations

import random
from dataclasses import dataclass

from attestation.digests import Digest, digest_of
from contract.kms_keys import KmsKey
from contract.sealed_model import Manifest, PackedFile, render_manifest
from contract.sealed_stream import Stream, make_header
from contract.wrapped_keys import WrappedKey, render_keys

KMS = KmsKey(project="primus-project", location="europe-west4", ring="models", key="lite0")
KEY = random.Random(1).randbytes(32)
HEADER = make_header(random.Random(2).randbytes(32), random.Random(3).randbytes(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed model's three objects, and what the terms pin."""

    stream: bytes
    manifest: bytes
    keys: bytes
    digest: Digest
    archive: bytes
    key: bytes = KEY

    @property
    def opener(self) -> Stream:
        return Stream(self.key, header=self.stream[:40], associated=self.digest, size=len(self.archive))


def manifest_of(archive: bytes, *, version: int = 3, header: bytes = HEADER) -> Manifest:
    return Manifest(
        model_id="lite0.tar",
        version=version,
        digest=digest_of(archive),
        size=len(archive),
        files=(PackedFile(name="model.bin", size=len(archive)),),
        header=header,
    )


def sealed(archive: bytes, *, version: int = 3, key: bytes = KEY, header: bytes = HEADER) -> Sealed:
    """The archive sealed with that key, which a `wrapped` of itself stands for in `keys.json`."""
    manifest = manifest_of(archive, version=version, header=header)
    payload = render_manifest(manifest)
    digest = digest_of(payload)
    return Sealed(
        stream=stream_of(archive, key=key, header=header, associated=digest),
        manifest=payload,
        keys=render_keys(digest, (WrappedKey(kms=KMS, wrapped=b"wrapped:" + key),)),
        digest=digest,
        archive=archive,
        key=key,
    )


def stream_of(archive: bytes, *, key: bytes, header: bytes, associated: Digest) -> bytes:
    stream = Stream(key, header=header, associated=associated, size=len(archive))
    written = bytearray(header)
    for index in range(stream.layout.segments):
        place = stream.layout.segment(index)
        segment = bytearray(place.end - place.start)
        stream.seal_segment(index, archive[place.plain_start : place.plain_end], segment)
        written += segment
    return bytes(written)


def opened(stream: Stream, data: bytes) -> bytes:
    """The plaintext, as who has the whole stream opens it."""
    stream.layout.check_size(len(data))
    stream.check_header(data[:40])
    plain = bytearray(stream.layout.size)
    for index in range(stream.layout.segments):
        place = stream.layout.segment(index)
        into = memoryview(plain)[place.plain_start : place.plain_end]
        stream.open_segment(index, data[place.start : place.end], into)
    return bytes(plain)
