"""How an owner hands a model's data key to their broker: the body of a `model` order.

    {"format": 1, "manifest": …, "model": {"id": …, "version": 1}, "sealed": base64}

The key is sealed by HPKE to the broker's intake key, which the broker's identity vouches for (`owner_asks`).
What it is for is HPKE's `info`: broker, manifest, model and version. So nobody who passes the order on, or
keeps it, reads the key, and it opens for nothing else.

Source: RFC 9180 (HPKE), sections 5 and 6.1.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from attestation.digests import Digest, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured

from .canonical import render_canonical
from .formats import OF_ONE_VERSION, read_document
from .sealed_stream import KEY_BYTES

FORMAT = 1
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MOST_BYTES = 4096
_MOST_ID_CHARACTERS = 300


class ModelKeyMalformed(EvidenceRejected):
    """It is no model's key for a broker, as this program writes one, or not for this broker."""

    code = "model-key-malformed"


class ModelKeyFormatUnknown(Misconfigured):
    """It is a model's key of another format."""

    code = "model-key-format-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKey:
    """Which model's key it is; `sealed` is the key, for the broker's intake key alone."""

    manifest: Digest
    model_id: str
    version: int
    sealed: bytes = field(repr=False)


def seal_model_key(
    key: bytes, *, intake: bytes, broker: Digest, manifest: Digest, model_id: str, version: int
) -> ModelKey:
    """The data key, for the broker with that intake key (X25519's public one, 32 bytes).

    Raises:
        ModelKeyMalformed: nothing can be sealed to that intake key.
    """
    info = _info(broker, manifest, model_id, version)
    try:
        sealed = _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(intake), info)
    except ValueError:  # another length, or a point of small order
        raise ModelKeyMalformed("the broker's intake key is none that anything can be sealed to") from None
    return ModelKey(manifest=manifest, model_id=model_id, version=version, sealed=sealed)


def open_model_key(model: ModelKey, private: X25519PrivateKey, *, broker: Digest) -> bytes:
    """The data key.

    Raises:
        ModelKeyMalformed: it was sealed for another broker, model or version, or altered, or is no data key.
    """
    info = _info(broker, model.manifest, model.model_id, model.version)
    try:
        key = _SUITE.decrypt(model.sealed, private, info)
    except (InvalidTag, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ModelKeyMalformed(
            "the model's key does not open here: it is for another broker or model, or was altered",
            hint="hand it over anew: `symbolon owner protect --seal broker=URL`",
        )
    return key


def render_model_key(model: ModelKey) -> bytes:
    """The body's one text."""
    return render_canonical(
        {
            "format": FORMAT,
            "manifest": model.manifest,
            "model": {"id": model.model_id, "version": model.version},
            "sealed": base64.b64encode(model.sealed).decode(),
        }
    )


def parse_model_key(body: bytes) -> ModelKey:
    """What `render_model_key` wrote; nothing is opened.

    Raises:
        ModelKeyFormatUnknown: it is of another format.
        ModelKeyMalformed: it is anything else.
    """
    document = read_document(
        body,
        "model's key",
        known=FORMAT,
        malformed=ModelKeyMalformed,
        unknown=ModelKeyFormatUnknown,
        hint=OF_ONE_VERSION,
        most_bytes=_MOST_BYTES,
    )
    try:
        model: Any = document["model"]
        model_id, version = str(model["id"]), model["version"]
        if not 0 < len(model_id) <= _MOST_ID_CHARACTERS or type(version) is not int or version < 1:
            raise ValueError
        read = ModelKey(
            manifest=parse_digest(str(document["manifest"])),
            model_id=model_id,
            version=version,
            sealed=base64.b64decode(str(document["sealed"])),
        )
        is_ours = render_model_key(read) == body
    except (LookupError, TypeError, ValueError, Misconfigured):
        is_ours = False
    if not is_ours:
        raise ModelKeyMalformed("the model's key is not as this program writes it")
    return read


def _info(broker: Digest, manifest: Digest, model_id: str, version: int) -> bytes:
    return render_canonical(
        {
            "use": "symbolon:intake:v1",
            "broker": broker,
            "manifest": manifest,
            "model": {"id": model_id, "version": version},
        }
    )
