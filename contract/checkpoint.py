"""What a broker signs of its log: whose it is, how many entries it has, and the root over them.

    symbolon-broker/2f0c…          the origin: the broker's key, and the epoch where it is not the first
    20852163                       how many entries
    CsUYapGGPo4dkMgI…              the root over them, base64

The broker signs it as a note (`contract.signed_note`) under the origin as the key's name; a witness puts a
cosignature below (`contract.cosignature`). A broker never signs two that are not one list's: whoever holds
two such checkpoints, with its signature, holds the proof that it lied.

An **epoch** is begun by the owner's order alone, after entries were lost for good. It has an origin of its
own: what a checkpoint of an earlier epoch says is true of that epoch, and is never compared with this one.

Source: C2SP, tlog-checkpoint.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured

from .canonical import parse_decimal
from .dsse import PublicKey, public_key_of
from .merkle import DIGEST_BYTES, EMPTY_ROOT, verify_inclusion
from .release_log import Logged
from .signed_note import (
    NOTE,
    Note,
    NoteKey,
    NoteMalformed,
    NoteSignedByAnother,
    note_key,
    parse_note,
    sign_note,
    verify_note,
)

_BRAND = "symbolon-broker/"
_ORIGIN = re.compile(r"symbolon-broker/([0-9a-f]{64})(?:/([1-9][0-9]{0,8}))?", re.ASCII)


class CheckpointMalformed(EvidenceRejected):
    """It is a signed note, and no checkpoint of a log."""

    code = "checkpoint-malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """`root` stands for the first `size` entries of the log of that `origin`.

    `extension` are further lines that somebody else's log may have; a broker's has none.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()


def origin_of(broker: Digest, epoch: int = 0) -> str:
    """What the broker's log is called, in that epoch of it.

    >>> origin_of(Digest("sha256:" + "0" * 64), 2)[-8:]
    '000000/2'
    """
    return _BRAND + broker.removeprefix("sha256:") + (f"/{epoch}" if epoch else "")


def epoch_of(origin: str, broker: Digest) -> int | None:
    """The epoch, where the origin is one of that broker's; else None."""
    match = _ORIGIN.fullmatch(origin)
    if match is None or "sha256:" + match[1] != broker:
        return None
    return int(match[2] or 0)


def render_checkpoint(checkpoint: Checkpoint) -> str:
    """The note's text, which is signed."""
    root = base64.b64encode(checkpoint.root).decode()
    return "".join(f"{line}\n" for line in (checkpoint.origin, checkpoint.size, root, *checkpoint.extension))


def parse_checkpoint(note: Note) -> Checkpoint:
    """What the note's text says; no signature is verified.

    Raises:
        CheckpointMalformed: it is no checkpoint, or gives an empty log another root than it has.
    """
    origin, *rest = note.text.removesuffix("\n").split("\n")
    try:
        size, root, *extension = rest
        checkpoint = Checkpoint(
            origin=origin,
            size=parse_decimal(size),
            root=base64.b64decode(root, validate=True),
            extension=tuple(extension),
        )
    except ValueError:
        raise CheckpointMalformed("the checkpoint has no origin, size and root") from None
    if not origin or not all(extension) or len(checkpoint.root) != DIGEST_BYTES:
        raise CheckpointMalformed("a line of the checkpoint is none that it may have")
    if render_checkpoint(checkpoint) != note.text:
        raise CheckpointMalformed("the checkpoint is not written in the one way that it has")
    if not checkpoint.size and checkpoint.root != EMPTY_ROOT:
        raise CheckpointMalformed("the checkpoint gives a log without an entry a root of entries")
    return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The note, signed by the broker."""
    return sign_note(render_checkpoint(checkpoint), name=checkpoint.origin, key=key)


def key_of(checkpoint: Checkpoint, broker: PublicKey) -> NoteKey:
    """The key that has to sign the checkpoint where the log is that broker's.

    Raises:
        NoteSignedByAnother: the log is not that broker's.
        Misconfigured: no broker has a key of that kind.
    """
    if not isinstance(broker.key, Ed25519PublicKey):
        raise Misconfigured(
            f"a broker's key is of Ed25519, and this one of {broker.kind}",
            hint="name the key that `symbolon broker status` prints",
        )
    if epoch_of(checkpoint.origin, broker.key_id) is None:
        raise NoteSignedByAnother("the log is not this broker's")
    return note_key(checkpoint.origin, NOTE, broker.key)


def open_checkpoint(text: str, broker: PublicKey) -> Checkpoint:
    """What the checkpoint says, which that broker has signed.

    Raises:
        NoteMalformed, CheckpointMalformed: it is none.
        NoteSignedByAnother: it is not that broker's.
    """
    note = parse_note(text)
    checkpoint = parse_checkpoint(note)
    verify_note(note, key_of(checkpoint, broker))
    return checkpoint


def unsafe_read_checkpoint(text: str) -> Checkpoint:
    """What the checkpoint says; nobody's signature is verified.

    Raises:
        NoteMalformed, CheckpointMalformed: it is none.
    """
    return parse_checkpoint(parse_note(text))


def decode_checkpoint(data: bytes) -> str:
    """The text of what was read from a file or a server.

    Raises:
        NoteMalformed: it is not in UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteMalformed("the checkpoint is not in UTF-8") from None


def verify_logged(logged: Logged, broker: PublicKey) -> Checkpoint:
    """The entry is in that broker's log, in its place: the checkpoint that says so.

    Guarantee: the broker has signed a list with this entry at this index. That it shows everybody the same
    list is what a witness, or a checkpoint that is kept, shows.

    Raises:
        NoteMalformed, CheckpointMalformed, NoteSignedByAnother: the checkpoint is not that broker's.
        ProofRejected: the entry is not in the list.
    """
    checkpoint = open_checkpoint(logged.checkpoint, broker)
    verify_inclusion(
        logged.entry, index=logged.index, size=checkpoint.size, proof=logged.proof, root=checkpoint.root
    )
    return checkpoint


def broker_of(key: Ed25519PrivateKey) -> Digest:
    """What a broker with that identity is called."""
    return public_key_of(key).key_id
