"""What lies in the owner's bucket of a sealed model: its stream, its manifest and its wrapped keys.

    gs://models/lite0.tar                 the stream (`contract.sealed_stream`): the archive, encrypted
    gs://models/lite0.tar.manifest.json   what never changes: this module's `Manifest`
    gs://models/lite0.tar.keys.json       who can open it: `contract.wrapped_keys`, which rotation rewrites

The manifest is JSON as RFC 8785 writes it, alone or, where the owner has a key, in a DSSE envelope
(`contract.dsse`). It holds no key. The terms pin the SHA-256 of its bytes, outside of any envelope, so that
the image decides which model it is: an older one that is put back in its place is refused. The same digest is
the associated data of the stream and of each wrapped key, so that neither can be taken from another model.

A manifest has one text: a member that this reader does not know or misses, or any other bytes than the
writer's, make it malformed. Another `format` is unknown, and refused as such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured

from . import sealed_stream
from .canonical import decimal, parse_decimal, render_canonical
from .dsse import Envelope, PrivateKey, PublicKey, pae, parse_envelope, sign_envelope
from .formats import read_document
from .sealed_stream import Layout, is_header
from .uris import ObjectUri

FORMAT = 1
PAYLOAD_TYPE = "application/vnd.symbolon.sealed-model+json"
MOST_BYTES = 8 << 20
"""Of a manifest: about three times what ten thousand files with long names take."""
MOST_FILES = 10_000

_ENVELOPE = b'{"payload"'
_MOST_ID_CHARACTERS = 300
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_HINT = "the owner restores the object, or seals the model again: `symbolon owner protect`"


class ManifestMalformed(EvidenceRejected):
    """It is not a manifest as this program writes one."""

    code = "manifest-malformed"


class ManifestFormatUnknown(Misconfigured):
    """It is a manifest of another format: how the model is sealed is not known here."""

    code = "manifest-format-unknown"


class ManifestNotPinned(EvidenceRejected):
    """It is the manifest of another model, or of another version of it, than the terms pin."""

    code = "manifest-not-pinned"


class ManifestUnsigned(EvidenceRejected):
    """The terms name the owner's key, and nothing signs the manifest."""

    code = "manifest-unsigned"


class ManifestSignedByAnother(EvidenceRejected):
    """The manifest's signature is not that of the owner's key."""

    code = "manifest-signed-by-another"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedFile:
    """A file of the archive, by its name in it; `size` in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a sealed model is: `digest` and `size` are of the archive before it was sealed.

    `version` counts up each time that the model is sealed anew. `header` is the stream's.
    """

    model_id: str
    version: int
    digest: Digest
    size: int
    files: tuple[PackedFile, ...]
    header: bytes

    @property
    def layout(self) -> Layout:
        """Where the stream's segments are."""
        return Layout(self.size)


def manifest_uri(model: ObjectUri) -> ObjectUri:
    """Where the manifest of a sealed model is.

    >>> str(manifest_uri(ObjectUri(bucket="models", name="lite0.tar")))
    'gs://models/lite0.tar.manifest.json'
    """
    return ObjectUri(bucket=model.bucket, name=f"{model.name}.manifest.json")


def keys_uri(model: ObjectUri) -> ObjectUri:
    """Where its wrapped keys are."""
    return ObjectUri(bucket=model.bucket, name=f"{model.name}.keys.json")


def render_manifest(manifest: Manifest) -> bytes:
    """The manifest's one text. Its SHA-256 is what terms pin."""
    return render_canonical(
        {
            "format": FORMAT,
            "model": {"id": manifest.model_id, "version": manifest.version},
            "archive": {"digest": manifest.digest, "size": decimal(manifest.size)},
            "files": [{"name": each.name, "size": decimal(each.size)} for each in manifest.files],
            "stream": {"kind": sealed_stream.KIND, "header": manifest.header.hex()},
        }
    )


def sign_manifest(payload: bytes, key: PrivateKey) -> bytes:
    """The manifest's text in an envelope that the owner's key signs."""
    return sign_envelope(payload, payload_type=PAYLOAD_TYPE, key=key)


def unsafe_read_manifest(data: bytes) -> tuple[Manifest, Digest]:
    """What the object `data` says, an envelope or not, and what terms would pin of it; nothing is verified.

    Raises:
        EnvelopeMalformed, ManifestFormatUnknown, ManifestMalformed: it is no manifest.
    """
    payload, _ = _payload(data)
    return parse_manifest(payload), digest_of(payload)


def open_manifest(data: bytes, *, pinned: Digest, signed_by: PublicKey | None) -> Manifest:
    """The manifest that the terms pin, signed by the key that they name, if they name one.

    Raises:
        EnvelopeMalformed: it is neither a manifest nor an envelope of one.
        ManifestNotPinned: it is any other than the pinned one.
        ManifestUnsigned, ManifestSignedByAnother: it is not signed by that key.
        Misconfigured: it is signed, and the terms name no key.
        ManifestFormatUnknown: its format is not known here.
        ManifestMalformed: it is pinned, and no manifest.
    """
    payload, envelope = _payload(data)
    if (found := digest_of(payload)) != pinned:
        raise ManifestNotPinned(
            f"the sealed model's manifest is `{found}`, not the one that this image was published for",
            hint=f"the owner restores the model whose manifest is `{pinned}`, or publishes an image for this",
        )
    if signed_by is None and envelope is not None:
        raise Misconfigured(
            "the sealed model's manifest is signed, and the terms name no key",
            hint="the owner writes `release.signed_by` into `terms.toml`, as `symbolon owner protect` does",
        )
    if signed_by is not None:
        if envelope is None:
            raise ManifestUnsigned("nothing signs the sealed model's manifest", hint=_HINT)
        if envelope.key_id != signed_by.key_id or not signed_by.verifies(
            envelope.signature, pae(PAYLOAD_TYPE, payload)
        ):
            raise ManifestSignedByAnother(
                "the sealed model's manifest is not signed by the owner's key that the terms name",
                hint=f"the owner signs it with the key whose id is `{signed_by.key_id}`",
            )
    return parse_manifest(payload)


def parse_manifest(payload: bytes) -> Manifest:
    """What `render_manifest` wrote.

    Raises:
        ManifestFormatUnknown: it is of another format.
        ManifestMalformed: it is anything else.
    """
    document = read_document(
        payload,
        "sealed model's manifest",
        known=FORMAT,
        malformed=ManifestMalformed,
        unknown=ManifestFormatUnknown,
        hint="publish the image from the version of this program that sealed it, or seal it again",
        most_bytes=MOST_BYTES,
        repair=_HINT,
    )
    try:
        manifest = _manifest(document)
        is_ours = render_manifest(manifest) == payload
    except (LookupError, TypeError, ValueError, Misconfigured):  # the last of a digest
        is_ours = False
    if not is_ours:
        raise ManifestMalformed("the sealed model's manifest is not as this program writes it", hint=_HINT)
    return manifest


def _manifest(document: dict[str, object]) -> Manifest:
    """The manifest that such a document would be of; what else it holds is found by writing it again."""
    read: dict[str, Any] = document
    model, archive, files = read["model"], read["archive"], read["files"]
    model_id, version, header = str(model["id"]), model["version"], str(read["stream"]["header"])
    if not 0 < len(model_id) <= _MOST_ID_CHARACTERS or type(version) is not int or version < 1:
        raise ValueError
    if not _HEX.fullmatch(header) or not is_header(bytes.fromhex(header)) or len(files) > MOST_FILES:
        raise ValueError
    manifest = Manifest(
        model_id=model_id,
        version=version,
        digest=parse_digest(str(archive["digest"])),
        size=parse_decimal(archive["size"]),
        files=tuple(PackedFile(name=str(each["name"]), size=parse_decimal(each["size"])) for each in files),
        header=bytes.fromhex(header),
    )
    if manifest.layout.segments > sealed_stream.MOST_SEGMENTS:
        raise ValueError
    return manifest


def _payload(data: bytes) -> tuple[bytes, Envelope | None]:
    """The manifest's own bytes, and the envelope around them, which shows by how it begins."""
    if not data.startswith(_ENVELOPE):
        return data, None
    envelope = parse_envelope(data, payload_type=PAYLOAD_TYPE, what="manifest")
    return envelope.payload, envelope
