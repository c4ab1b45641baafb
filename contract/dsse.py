"""What an owner signs by a key of their own: a DSSE envelope with one signature, Ed25519's or P-384's.

    {"payloadType": …, "payload": base64, "signatures": [{"keyid": digest of the public key, "sig": base64}]}

The signature is over DSSE's PAE of payload type and payload as they stand, by Ed25519, or by ECDSA on P-384
with SHA-384. A public key is written as the base64 of its SubjectPublicKeyInfo, what `openssl pkey -pubout`
prints without its first and last line; its id is the SHA-256 of these bytes.

An envelope has one text: RFC 8785's, with base64 that has no second reading.

Source: secure-systems-lab/dsse, protocol.md and envelope.md; RFC 8032; FIPS 186-5; RFC 5280, section 4.1.2.7.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.strict_json import parse_json_object

from .canonical import render_canonical

PrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey

_ECDSA = ECDSA(SHA384())


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """An owner's public key, by the text that terms have of it."""

    text: str
    key: Ed25519PublicKey | EllipticCurvePublicKey

    @property
    def key_id(self) -> Digest:
        return digest_of(base64.b64decode(self.text))

    @property
    def kind(self) -> str:
        return "Ed25519" if isinstance(self.key, Ed25519PublicKey) else "P-384"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's, over that message."""
        try:
            if isinstance(self.key, Ed25519PublicKey):
                self.key.verify(signature, message)
            else:
                self.key.verify(signature, message, _ECDSA)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An envelope taken apart, and believed in nothing."""

    payload: bytes
    key_id: Digest
    signature: bytes


class EnvelopeMalformed(EvidenceRejected):
    """It is not an envelope as this program writes one."""

    code = "envelope-malformed"


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed of a payload.

    >>> pae("application/x", b"{}")
    b'DSSEv1 13 application/x 2 {}'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def public_key_of(key: PrivateKey) -> PublicKey:
    """The public half.

    Raises:
        Misconfigured: it is on another curve than P-384.
    """
    public = key.public_key()
    data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return parse_public_key(base64.b64encode(data).decode(), where="the key")


def parse_public_key(text: str, *, where: str) -> PublicKey:
    """The key that `text` is the base64 of.

    Raises:
        Misconfigured: it is no public key, or of another kind; `where` says which setting it came from.
    """
    try:
        key = load_der_public_key(base64.b64decode(text))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _no_key(f"{where} is no public key") from None
    is_p384 = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP384R1)
    if not isinstance(key, Ed25519PublicKey) and not is_p384:
        raise _no_key(f"{where} is a public key of another kind")
    # INVARIANT: one key has one text, and so one id.
    if base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode() != text:
        raise _no_key(f"{where} is a public key in another form")
    assert isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey)  # noqa: S101  for mypy
    return PublicKey(text=text, key=key)


def _no_key(message: str) -> Misconfigured:
    return Misconfigured(
        message, hint="write what `symbolon owner keys show` prints of an Ed25519 or P-384 key"
    )


def sign_envelope(payload: bytes, *, payload_type: str, key: PrivateKey) -> bytes:
    """The payload, signed by the key: the envelope's one text."""
    signature = sign(pae(payload_type, payload), key)
    return render_envelope(
        Envelope(payload=payload, key_id=public_key_of(key).key_id, signature=signature),
        payload_type=payload_type,
    )


def sign(message: bytes, key: PrivateKey) -> bytes:
    """The key's signature over the message."""
    return key.sign(message) if isinstance(key, Ed25519PrivateKey) else key.sign(message, _ECDSA)


def render_envelope(envelope: Envelope, *, payload_type: str) -> bytes:
    """The envelope's one text."""
    return render_canonical(
        {
            "payloadType": payload_type,
            "payload": base64.b64encode(envelope.payload).decode(),
            "signatures": [{"keyid": envelope.key_id, "sig": base64.b64encode(envelope.signature).decode()}],
        }
    )


def parse_envelope(data: bytes, *, payload_type: str, what: str) -> Envelope:
    """`data` taken apart, where it is what `render_envelope` writes; nothing of it is verified.

    Raises:
        EnvelopeMalformed: it is anything else.
    """
    try:
        document = parse_json_object(data, what=what)
    except EvidenceRejected as rejection:
        raise EnvelopeMalformed(rejection.message) from None
    try:
        if document["payloadType"] != payload_type:
            found = quoted(str(document["payloadType"]))
            raise EnvelopeMalformed(f"the {what} is a signed {found}, not a `{payload_type}`")
        signatures: Any = document["signatures"]
        (signature,) = signatures
        envelope = Envelope(
            payload=base64.b64decode(str(document["payload"])),
            key_id=parse_digest(str(signature["keyid"])),
            signature=base64.b64decode(str(signature["sig"])),
        )
    except (LookupError, TypeError, ValueError, Misconfigured):
        raise _malformed(what) from None
    if render_envelope(envelope, payload_type=payload_type) != data:
        raise _malformed(what)
    return envelope


def _malformed(what: str) -> EnvelopeMalformed:
    return EnvelopeMalformed(f"the {what} is no envelope with one signature, as this program writes it")
