"""What several of an owner's keys sign: a DSSE envelope with one signature or more, sorted by key.

    {"payloadType": …, "payload": base64, "signatures": [{"keyid": …, "sig": base64}, …]}

It is `contract.dsse`'s envelope, with that module's keys, in which each key signs once. It has one text, and
with the same signatures the same, in whatever order they were given. Of a key that is not asked for, or of a
signature that does not hold, nothing is counted: such an envelope is refused as a whole, so that nobody can
add to it or alter it unseen.

Source: secure-systems-lab/dsse, envelope.md, "Multiple signatures".
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from attestation.digests import Digest, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured

from .dsse import PrivateKey, PublicKey, pae, public_key_of, sign

MOST_SIGNATURES = 20


class SignatureRejected(EvidenceRejected):
    """A signature is not of the keys that may sign, or does not hold."""

    code = "cosignature-rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One key's, over the payload's PAE."""

    key_id: Digest
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CoSigned:
    """A payload and who signs it; believed in nothing until `signers` says so."""

    payload_type: str
    payload: bytes = field(repr=False)
    signatures: tuple[Signature, ...] = ()


def add_signature(cosigned: CoSigned, key: PrivateKey) -> CoSigned:
    """The same, which that key signs too; as it was where it signs already."""
    key_id = public_key_of(key).key_id
    if any(each.key_id == key_id for each in cosigned.signatures):
        return cosigned
    message = pae(cosigned.payload_type, cosigned.payload)
    added = Signature(key_id=key_id, signature=sign(message, key))
    return replace(cosigned, signatures=_sorted((*cosigned.signatures, added)))


def signers(cosigned: CoSigned, keys: Sequence[PublicKey]) -> tuple[PublicKey, ...]:
    """Those of `keys` that sign it, each once.

    Raises:
        SignatureRejected: one of its signatures is of another key, or does not hold.
    """
    message = pae(cosigned.payload_type, cosigned.payload)
    known = {each.key_id: each for each in keys}
    found = []
    for each in cosigned.signatures:
        key = known.get(each.key_id)
        if key is None:
            raise SignatureRejected(
                f"the key `{each.key_id}` signs it, which is none of those that may",
                hint="make it anew, and have it signed by keys of the list that stands",
            )
        if not key.verifies(each.signature, message):
            raise SignatureRejected(
                f"the signature of the key `{each.key_id}` does not hold",
                hint="it was altered after it was signed: make it anew",
            )
        found.append(key)
    return tuple(found)


def envelope_members(cosigned: CoSigned) -> dict[str, object]:
    """How a document has it."""
    return {
        "payloadType": cosigned.payload_type,
        "payload": base64.b64encode(cosigned.payload).decode(),
        "signatures": [
            {"keyid": each.key_id, "sig": base64.b64encode(each.signature).decode()}
            for each in _sorted(cosigned.signatures)
        ],
    }


def parse_envelope_members(value: object, *, payload_type: str) -> CoSigned:
    """What `envelope_members` made; nobody's signature is verified.

    Raises:
        ValueError, TypeError, LookupError: it is anything else, or a key signs twice.
    """
    if not isinstance(value, dict):
        raise TypeError
    listed = value["signatures"]
    if len(listed) > MOST_SIGNATURES:
        raise ValueError
    try:
        found = tuple(
            Signature(key_id=parse_digest(str(each["keyid"])), signature=_base64(each["sig"]))
            for each in listed
        )
    except Misconfigured:
        raise ValueError from None
    cosigned = CoSigned(payload_type=payload_type, payload=_base64(value["payload"]), signatures=found)
    if len({each.key_id for each in found}) < len(found) or envelope_members(cosigned) != value:
        raise ValueError
    return cosigned


def _sorted(signatures: Sequence[Signature]) -> tuple[Signature, ...]:
    return tuple(sorted(signatures, key=lambda each: each.key_id))


def _base64(value: object) -> bytes:
    """Whether `value` was that text is seen when it is written anew."""
    return base64.b64decode(str(value), validate=True)
