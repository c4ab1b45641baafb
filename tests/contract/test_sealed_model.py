"""A manifest has one writer and one reader, is the pinned one, and is signed where the terms name a key."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected, Misconfigured, SymbolonError
from contract.canonical import render_canonical
from contract.dsse import EnvelopeMalformed, PrivateKey, PublicKey, public_key_of, sign_envelope
from contract.sealed_model import (
    MOST_BYTES,
    ManifestFormatUnknown,
    ManifestMalformed,
    ManifestNotPinned,
    ManifestSignedByAnother,
    ManifestUnsigned,
    PackedFile,
    keys_uri,
    manifest_uri,
    open_manifest,
    parse_manifest,
    render_manifest,
    sign_manifest,
    unsafe_read_manifest,
)
from contract.uris import ObjectUri
from tests.sealed_models import manifest_of

MANIFEST = replace(
    manifest_of(b"archive"),
    files=(PackedFile(name="saved_model.pb", size=5), PackedFile(name="variables/größe", size=0)),
)
TEXT = render_manifest(MANIFEST)
PINNED = digest_of(TEXT)
OWNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER: PrivateKey = generate_private_key(SECP384R1())
SIGNED = sign_manifest(TEXT, OWNER)
LARGEST = (2**20 - 16) * 2**20 - 40
"""Bytes of the archive whose stream has as many segments as one may."""


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert parse_manifest(TEXT) == MANIFEST
    assert render_manifest(parse_manifest(TEXT)) == TEXT


def test_a_manifest_holds_no_key_and_says_what_it_is_in_words_that_anybody_can_read() -> None:
    assert json.loads(TEXT) == {
        "format": 1,
        "model": {"id": "lite0.tar", "version": 3},
        "archive": {"digest": digest_of(b"archive"), "size": "7"},
        "files": [{"name": "saved_model.pb", "size": "5"}, {"name": "variables/größe", "size": "0"}],
        "stream": {"kind": "AES256_GCM_HKDF_1MB", "header": MANIFEST.header.hex()},
    }


def test_the_pinned_digest_is_of_the_manifest_whether_it_is_signed_or_not() -> None:
    assert unsafe_read_manifest(TEXT) == unsafe_read_manifest(SIGNED) == (MANIFEST, PINNED)


@pytest.mark.parametrize("key", [OWNER, OTHER], ids=["Ed25519", "P-384"])
def test_what_the_owner_signed_is_opened_by_the_owners_public_key(key: PrivateKey) -> None:
    signed = sign_manifest(TEXT, key)
    assert open_manifest(signed, pinned=PINNED, signed_by=public_key_of(key)) == MANIFEST


def test_where_no_key_is_named_the_manifest_is_plain() -> None:
    assert open_manifest(TEXT, pinned=PINNED, signed_by=None) == MANIFEST
    with pytest.raises(Misconfigured, match="the terms name no key"):
        open_manifest(SIGNED, pinned=PINNED, signed_by=None)


def test_an_older_model_is_refused_however_well_it_is_signed() -> None:
    older = render_manifest(replace(MANIFEST, version=2))
    for data in (older, sign_manifest(older, OWNER)):
        with pytest.raises(ManifestNotPinned, match="not the one that this image was published for"):
            open_manifest(data, pinned=PINNED, signed_by=public_key_of(OWNER))


def test_a_manifest_that_nobody_or_somebody_else_signed_is_refused() -> None:
    public = public_key_of(OWNER)
    with pytest.raises(ManifestUnsigned):
        open_manifest(TEXT, pinned=PINNED, signed_by=public)
    with pytest.raises(ManifestSignedByAnother) as refused:
        open_manifest(sign_manifest(TEXT, OTHER), pinned=PINNED, signed_by=public)
    assert public.key_id in refused.value.hint
    claimed = sign_manifest(TEXT, OTHER).replace(public_key_of(OTHER).key_id.encode(), public.key_id.encode())
    with pytest.raises(ManifestSignedByAnother):
        open_manifest(claimed, pinned=PINNED, signed_by=public)


def test_what_was_signed_as_something_else_is_no_manifest() -> None:
    foreign = sign_envelope(TEXT, payload_type="application/vnd.in-toto+json", key=OWNER)
    with pytest.raises(EnvelopeMalformed, match=r"a signed `application/vnd\.in-toto"):
        open_manifest(foreign, pinned=PINNED, signed_by=public_key_of(OWNER))


@pytest.mark.parametrize("data", [TEXT, SIGNED], ids=["plain", "signed"])
def test_each_byte_of_a_manifest_counts(data: bytes) -> None:
    signed_by = public_key_of(OWNER) if data is SIGNED else None
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises((EvidenceRejected, ManifestFormatUnknown)):
                open_manifest(bytes(changed), pinned=PINNED, signed_by=signed_by)


def test_a_manifest_of_a_format_to_come_is_refused_with_a_sentence() -> None:
    document = {**json.loads(TEXT), "format": 2, "stream": {"kind": "something better"}}
    with pytest.raises(
        ManifestFormatUnknown,
        match="`format` in the sealed model's manifest is `2`; this program reads 1 alone",
    ) as refused:
        parse_manifest(render_canonical(document))
    assert refused.value.hint


def with_value(path: str, value: object) -> bytes:
    document = json.loads(TEXT)
    *parents, last = path.split(".")
    at = document
    for name in parents:
        at = at[int(name)] if isinstance(at, list) else at[name]
    at[last] = value
    return render_canonical(document)


NOT_OURS: dict[str, bytes] = {
    "it is empty": b"",
    "it is no object": b"[]",
    "it has a space": TEXT.replace(b":", b": ", 1),
    "it has another end": TEXT + b"\n",
    "it says something that no reader knows": with_value("unknown", 1),
    "a part says something that no reader knows": with_value("model.unknown", 1),
    "it has no files": with_value("files", None),
    "a file is none": with_value("files", ["name"]),
    "a file has no size": with_value("files", [{"name": "a"}]),
    "a file's name is a number": with_value("files", [{"name": 1, "size": "1"}]),
    "it has more files than an archive may": with_value("files", [{"name": "a", "size": "1"}] * 10_001),
    "its version is a text": with_value("model.version", "3"),
    "its version is none": with_value("model.version", 0),
    "its version is true": with_value("model.version", True),
    "its model has no name": with_value("model.id", ""),
    "its model's name is endless": with_value("model.id", "a" * 301),
    "its model is a list": with_value("model", []),
    "its digest is none": with_value("archive.digest", "sha256:0"),
    "its size is a number": with_value("archive.size", 7),
    "its size is beyond the format": with_value("archive.size", str(LARGEST + 1)),
    "its header is short": with_value("stream.header", MANIFEST.header.hex()[:-2]),
    "its header is of another format": with_value("stream.header", "00" * 40),
    "its header is no hex": with_value("stream.header", "zz" * 40),
    "its header is in capitals": with_value("stream.header", MANIFEST.header.hex().upper()),
    "its stream is of another kind": with_value("stream.kind", "AES128_GCM_HKDF_1MB"),
    "it is larger than any": b" " * (MOST_BYTES + 1),
}


@pytest.mark.parametrize("text", NOT_OURS.values(), ids=NOT_OURS)
def test_what_this_program_does_not_write_is_malformed(text: bytes) -> None:
    with pytest.raises((ManifestMalformed, ManifestFormatUnknown)) as refused:
        parse_manifest(text)
    if text not in (b"", b"[]") and b" " * 9 not in text:
        assert type(refused.value) is ManifestMalformed
    assert "\n" not in refused.value.message


AT_THE_BOUNDS = {
    "its model's name is a letter": with_value("model.id", "a"),
    "its model's name is long": with_value("model.id", "a" * 300),
    "it is the first version": with_value("model.version", 1),
    "it has as many files as an archive may": with_value("files", [{"name": "a", "size": "1"}] * 10_000),
    "its stream is as long as any": with_value("archive.size", str(LARGEST)),
}


@pytest.mark.parametrize("text", AT_THE_BOUNDS.values(), ids=AT_THE_BOUNDS)
def test_a_manifest_at_a_bound_is_read(text: bytes) -> None:
    assert render_manifest(parse_manifest(text)) == text


def test_what_is_wrong_has_its_code_and_its_words() -> None:
    def said(data: bytes, signed_by: PublicKey | None = None) -> tuple[str, str]:
        with pytest.raises(SymbolonError) as refused:
            open_manifest(data, pinned=digest_of(data), signed_by=signed_by)
        return refused.value.code, refused.value.message

    public = public_key_of(OWNER)
    assert said(b"{") == ("manifest-malformed", "the sealed model's manifest is not JSON")
    too_large = "the sealed model's manifest is larger than 8388608 bytes"
    assert said(b" " * (MOST_BYTES + 1)) == ("manifest-malformed", too_large)
    assert said(b" " * MOST_BYTES) == ("manifest-malformed", "the sealed model's manifest is not JSON")
    assert said(with_value("format", 2))[0] == "manifest-format-unknown"
    assert said(TEXT, public)[0] == "manifest-unsigned"
    assert said(SIGNED[:-1], public)[0] == "envelope-malformed"
    assert said(SIGNED[:-1], public)[1].startswith("the manifest is ")
    with pytest.raises(ManifestNotPinned) as older:
        open_manifest(TEXT, pinned=digest_of(b""), signed_by=None)
    with pytest.raises(ManifestSignedByAnother) as foreign:
        open_manifest(sign_manifest(TEXT, OTHER), pinned=PINNED, signed_by=public)
    codes = (older.value.code, foreign.value.code)
    assert codes == ("manifest-not-pinned", "manifest-signed-by-another")


def test_what_an_owner_signs_is_as_images_know_it() -> None:
    assert json.loads(SIGNED)["payloadType"] == "application/vnd.symbolon.sealed-model+json"


def test_any_bytes_are_refused_in_one_line() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        data = bytearray(rng.choice([TEXT, SIGNED]))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(4)] = rng.randbytes(rng.randrange(4))
        with pytest.raises(SymbolonError) as refused:
            open_manifest(bytes(data) + b" ", pinned=PINNED, signed_by=public_key_of(OWNER))
        assert "\n" not in refused.value.message
        assert refused.value.message.isprintable()


def test_manifest_and_wrapped_keys_lie_beside_the_model() -> None:
    assert str(manifest_uri(ObjectUri(bucket="b", name="a.tar"))) == "gs://b/a.tar.manifest.json"
    assert str(keys_uri(ObjectUri(bucket="models", name="a/b.tar"))) == "gs://models/a/b.tar.keys.json"
