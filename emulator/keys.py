"""RSA keys that a state folder makes once and keeps: readable by its owner alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .state import reading, write_atomically


def load_or_make_rsa_key(path: Path) -> rsa.RSAPrivateKey:
    """The 2048-bit key of `path`, made now if there was none.

    Raises:
        Misconfigured: what is there is no such key.
    """
    if path.exists():
        with reading(path):
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
            if isinstance(key, rsa.RSAPrivateKey):
                return key
            raise TypeError
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomically(path, pem)
    return key


def key_id_of(key: rsa.RSAPublicKey) -> str:
    """A `kid` of 40 hex digits, as Google's are: SHA-1 is a name here, not a protection."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha1(der, usedforsecurity=False).hexdigest()
