"""An envelope is DSSE's, a key is one of two kinds, and each has one text."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.digests import digest_of
from attestation.errors import Misconfigured
from contract.canonical import render_canonical
from contract.dsse import (
    EnvelopeMalformed,
    PrivateKey,
    pae,
    parse_envelope,
    parse_public_key,
    public_key_of,
    sign_envelope,
)

KIND = "application/vnd.symbolon.test+json"
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(32))
P384 = ec.derive_private_key(7, ec.SECP384R1())
KEYS: dict[str, PrivateKey] = {"Ed25519": ED25519, "P-384": P384}


def spki(key: object) -> str:
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return base64.b64encode(data).decode()


def test_what_is_signed_is_dsse_s_example() -> None:
    """Source: secure-systems-lab/dsse, protocol.md, "Test Vectors"."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == expected


@pytest.mark.parametrize("name", KEYS)
def test_an_envelope_is_read_as_it_was_signed(name: str) -> None:
    key = KEYS[name]
    public = public_key_of(key)
    data = sign_envelope(b"{}", payload_type=KIND, key=key)
    envelope = parse_envelope(data, payload_type=KIND, what="thing")
    assert (envelope.payload, envelope.key_id, public.kind) == (b"{}", public.key_id, name)
    assert public.verifies(envelope.signature, pae(KIND, b"{}"))
    assert public.verifies(envelope.signature, pae(KIND, b"[]")) is False
    assert not public.verifies(b"", pae(KIND, b"{}"))
    document = json.loads(data)
    assert list(document) == ["payload", "payloadType", "signatures"]
    assert document["signatures"][0]["keyid"] == digest_of(base64.b64decode(public.text))


@pytest.mark.parametrize("name", KEYS)
def test_a_public_key_is_read_as_it_was_written(name: str) -> None:
    public = public_key_of(KEYS[name])
    assert parse_public_key(public.text, where="here").key_id == public.key_id
    assert public.text == spki(KEYS[name].public_key())


COMPRESSED = P384.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
NO_KEYS = {
    "it is no base64": "not base64!",
    "it is nothing": "",
    "it is no key": "AAAA",
    "it is on another curve": spki(ec.derive_private_key(7, ec.SECP256R1()).public_key()),
    "it is another scheme's": spki(ed448.Ed448PrivateKey.generate().public_key()),
    "it is RSA's": spki(rsa.generate_private_key(65537, 2048).public_key()),
    "it has stray letters": public_key_of(ED25519).text + "\n",
    "its point is compressed": base64.b64encode(
        bytes.fromhex("3046301006072a8648ce3d020106052b81040022033200") + COMPRESSED
    ).decode(),
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS)
def test_any_other_key_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"`release\.signed_by` is (no public key|a public key )"):
        parse_public_key(text, where="`release.signed_by`")


def test_a_key_on_another_curve_signs_nothing() -> None:
    with pytest.raises(Misconfigured, match="another kind"):
        sign_envelope(b"{}", payload_type=KIND, key=ec.derive_private_key(7, ec.SECP256R1()))


SIGNED = json.loads(sign_envelope(b"{}", payload_type=KIND, key=ED25519))
SIGNATURE = SIGNED["signatures"][0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        render_canonical({**SIGNED, "payloadType": "another"}),
        render_canonical({**SIGNED, "signatures": []}),
        render_canonical({**SIGNED, "signatures": {}}),
        render_canonical({**SIGNED, "signatures": [SIGNATURE, SIGNATURE]}),
        render_canonical({**SIGNED, "signatures": ["it"]}),
        render_canonical({**SIGNED, "signatures": [{**SIGNATURE, "keyid": "mine"}]}),
        render_canonical({**SIGNED, "signatures": [{**SIGNATURE, "sig": "AAB="}]}),
        render_canonical({**SIGNED, "signatures": [{**SIGNATURE, "more": 1}]}),
        render_canonical({**SIGNED, "payload": 1}),
        render_canonical({**SIGNED, "payload": "e30"}),
        render_canonical({**SIGNED, "more": 1}),
        json.dumps(SIGNED).encode(),
    ],
)
def test_what_this_program_does_not_write_is_malformed(data: bytes) -> None:
    with pytest.raises(EnvelopeMalformed, match="the thing is") as malformed:
        parse_envelope(data, payload_type=KIND, what="thing")
    assert malformed.value.code == "envelope-malformed"


def test_an_envelope_of_something_else_says_of_what() -> None:
    with pytest.raises(EnvelopeMalformed) as malformed:
        parse_envelope(sign_envelope(b"{}", payload_type="a/b", key=ED25519), payload_type=KIND, what="thing")
    assert malformed.value.message == f"the thing is a signed `a/b`, not a `{KIND}`"
