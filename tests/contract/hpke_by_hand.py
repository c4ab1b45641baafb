"""RFC 9180's base mode as its sections 4 and 5 write it, for one KEM and KDF: a second reader and writer.

Source: RFC 9180, sections 4, 4.1, 5.1 and 7; RFC 5869.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEM_ID, KDF_ID = 0x0020, 0x0001
AES_128_GCM, AES_256_GCM = 0x0001, 0x0002
_KEY_BYTES = {AES_128_GCM: 16, AES_256_GCM: 32}
_KEM = b"KEM" + KEM_ID.to_bytes(2, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    key: bytes
    nonce: bytes


def seal(
    plain: bytes, *, ephemeral: X25519PrivateKey, public: bytes, info: bytes, aead: int, aad: bytes = b""
) -> bytes:
    """`enc` and the ciphertext, one after the other."""
    enc = ephemeral.public_key().public_bytes_raw()
    shared = _shared(ephemeral.exchange(X25519PublicKey.from_public_bytes(public)), enc + public)
    schedule = schedule_of(shared, info, aead)
    return enc + AESGCM(schedule.key).encrypt(schedule.nonce, plain, aad)


def unseal(sealed: bytes, *, private: X25519PrivateKey, info: bytes, aead: int) -> bytes:
    enc, ciphertext = sealed[:32], sealed[32:]
    public = private.public_key().public_bytes_raw()
    shared = _shared(private.exchange(X25519PublicKey.from_public_bytes(enc)), enc + public)
    schedule = schedule_of(shared, info, aead)
    return AESGCM(schedule.key).decrypt(schedule.nonce, ciphertext, b"")


def schedule_of(shared: bytes, info: bytes, aead: int) -> Schedule:
    suite = b"HPKE" + b"".join(each.to_bytes(2, "big") for each in (KEM_ID, KDF_ID, aead))
    context = b"\0" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    secret = _extract(suite, shared, b"secret", b"")
    return Schedule(
        key=_expand(suite, secret, b"key", context, _KEY_BYTES[aead]),
        nonce=_expand(suite, secret, b"base_nonce", context, 12),
    )


def _shared(dh: bytes, context: bytes) -> bytes:
    return _expand(_KEM, _extract(_KEM, b"", b"eae_prk", dh), b"shared_secret", context, 32)


def _extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, hashlib.sha256)


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """One block: no output here has more than 32 bytes."""
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labelled + b"\1", hashlib.sha256)[:length]
