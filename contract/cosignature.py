"""What a witness says of a checkpoint: at that time, the longest list that it had seen of this log, and one.

A cosignature is a line below the checkpoint's note. It signs the checkpoint's text with a time above it:

    cosignature/v1
    time 1679315147
    (the checkpoint's text)

A witness cosigns what extends all that it cosigned before, by a proof. So whoever trusts one needs no
checkpoint of their own to see that a log was not taken back, and that nobody else is shown another.

Source: C2SP, tlog-cosignature (the type of Ed25519).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.errors import Misconfigured, quoted

from .signed_note import (
    COSIGNATURE,
    Note,
    NoteKey,
    NoteSignature,
    NoteSignedByAnother,
    note_key,
    parse_verifier_key,
    signatures_of,
)

_TIME_BYTES = 8
_SIGNATURE_BYTES = 64


def parse_witness_key(text: str) -> NoteKey:
    """A witness's key, written as a verifier key of the kind of cosignatures.

    Raises:
        Misconfigured: it is anything else.
    """
    key = parse_verifier_key(text)
    if key.kind != COSIGNATURE:
        raise Misconfigured(
            f"{quoted(text)} is no witness's key", hint="a witness's key is of kind 4: its text begins `…+B`"
        )
    return key


def cosign(text: str, *, name: str, key: Ed25519PrivateKey, at: int) -> NoteSignature:
    """The line that says that of the checkpoint's text; `at` in seconds since the epoch."""
    time = at.to_bytes(_TIME_BYTES, "big")
    return NoteSignature(
        name=name,
        key_id=note_key(name, COSIGNATURE, key).key_id,
        signature=time + key.sign(_message(text, at)),
    )


def verify_cosignature(note: Note, witness: NoteKey) -> int:
    """When the witness says that it saw this checkpoint: seconds since the epoch, by its clock.

    Where it stands there several times, the latest.

    Raises:
        NoteSignedByAnother: the witness did not cosign it, or a line that names the witness does not hold.
    """
    found = signatures_of(note, witness)
    if not found:
        raise NoteSignedByAnother(f"the checkpoint is not cosigned by {quoted(witness.name)}")
    return max(_time(note.text, each, witness) for each in found)


def _time(text: str, line: NoteSignature, witness: NoteKey) -> int:
    at = int.from_bytes(line.signature[:_TIME_BYTES], "big")
    holds = (
        len(line.signature) == _TIME_BYTES + _SIGNATURE_BYTES
        and 0 < at < 2**63
        and witness.verifies(line.signature[_TIME_BYTES:], _message(text, at))
    )
    if not holds:
        raise NoteSignedByAnother(f"the cosignature of {quoted(witness.name)} does not hold")
    return at


def _message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()
