"""An owner's keys, orders and licences, as tests make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.digests import Digest, digest_of
from contract.dsse import PrivateKey, public_key_of
from contract.licence import Holder, Licence
from contract.orders import Order, OrderDocument, Type, make_document, sign_document

NOW = 1_764_000_000
FIRST: PrivateKey = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
SECOND: PrivateKey = ec.derive_private_key(2, ec.SECP384R1())
THIRD: PrivateKey = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
STRANGER: PrivateKey = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
BROKER = public_key_of(Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)).key_id
IMAGE = digest_of(b"an image")
LICENCE = Licence(
    id="0123456789abcdef" * 2,
    serial=1,
    model_id="lite0.tar",
    versions=(1, None),
    holder=Holder(service_accounts=("run@secundus.iam.gserviceaccount.com",), projects=("secundus",)),
    images=(IMAGE,),
    policy=None,
    evidence="confidential-space",
    starts_at=NOW,
    ends_at=NOW + 30 * 86_400,
    runs=3,
    pictures=1_000,
    at_once=1,
    lease_s=3_600,
    issued_at=NOW,
    secret=bytes(range(32)),
)


def licence(**changes: Any) -> Licence:
    """The licence, with what is changed."""
    return replace(LICENCE, **changes)


def order(
    type_: Type, body: bytes, *keys: PrivateKey, old: Digest | None = None, **more: Any
) -> OrderDocument:
    """An order of that body, which those keys sign."""
    settings: dict[str, Any] = {"broker": BROKER, "epoch": 0, "sequence": 1, "at": NOW, **more}
    document = make_document(Order(type=type_, old=old, new=digest_of(body), **settings), body)
    for key in keys:
        document = sign_document(document, key)
    return document
