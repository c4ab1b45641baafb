"""What a ciphertext is made of: the names of its key and version, and what AES-256-GCM made of the plaintext.

Bytes: `0a 24`, 16 zeros, the key's ID (16), the version's number (4, big-endian), the nonce (12), and what
GCM made, its tag (16) at the end. So it begins as Google's do (`CiQA` in base64). All before the nonce is
authenticated, and the caller's additional data after it.

Source: NIST SP 800-38D, for GCM; Google's own form is not documented.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import GoogleError
from .errors import INVALID_CIPHERTEXT

_PREFIX = b"\x0a\x24" + bytes(16)
_KEY_ID_BYTES = 16
_VERSION_BYTES = 4
_HEADER_BYTES = len(_PREFIX) + _KEY_ID_BYTES + _VERSION_BYTES
_NONCE_BYTES = 12
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Ciphertext:
    """A ciphertext that has the form of one; whether it is genuine, `decrypt` finds out."""

    key_id: bytes
    version: int
    header: bytes
    nonce: bytes
    encrypted: bytes
    """With its tag."""


def encrypt(plaintext: bytes, aad: bytes, *, material: bytes, key_id: bytes, version: int) -> bytes:
    """The ciphertext that only this version decrypts, and only with the same `aad`."""
    header = _PREFIX + key_id + version.to_bytes(_VERSION_BYTES, "big")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return header + nonce + AESGCM(material).encrypt(nonce, plaintext, header + aad)


def parse_ciphertext(data: bytes) -> Ciphertext:
    """The parts of a ciphertext.

    Raises:
        GoogleError: 400, where it has not the form of one.
    """
    if not data.startswith(_PREFIX) or len(data) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise GoogleError(400, INVALID_CIPHERTEXT)
    header, rest = data[:_HEADER_BYTES], data[_HEADER_BYTES:]
    return Ciphertext(
        key_id=header[len(_PREFIX) : -_VERSION_BYTES],
        version=int.from_bytes(header[-_VERSION_BYTES:], "big"),
        header=header,
        nonce=rest[:_NONCE_BYTES],
        encrypted=rest[_NONCE_BYTES:],
    )


def decrypt(ciphertext: Ciphertext, aad: bytes, material: bytes) -> bytes:
    """The plaintext.

    Raises:
        GoogleError: 400, where one bit of the ciphertext, of `aad` or of the key is another.
    """
    try:
        return AESGCM(material).decrypt(ciphertext.nonce, ciphertext.encrypted, ciphertext.header + aad)
    except InvalidTag:
        raise GoogleError(400, INVALID_CIPHERTEXT) from None
