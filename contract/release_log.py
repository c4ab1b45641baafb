"""What a broker's log has of each release, and what a receipt carries to show that it is there.

    opening   what happened: which licence, image, machine, how many pictures; and a salt
    entry     what the log shows of it: kind, time, the opening's digest, and the opening encrypted
    logged    an entry, its place, a signed checkpoint that covers it, and the proof between the two

An **entry** is a leaf of the log's Merkle tree (`contract.merkle`). An outsider reads its kind and its time,
and nobody's name. It commits to its opening by SHA-256, over 32 random bytes of salt beside the rest, so
that nothing can be found by guessing; and it has the opening encrypted by AES-256-GCM under a key that HKDF
derives from a secret: a licence's, which its holder and the owner have, or the broker's own for what
concerns no licence. So whoever has the secret finds their entries, and can show one of them to others
without it, by handing out the opening.

Every document is RFC 8785's text of what stands here; any other bytes are malformed.

Source: RFC 5869 (HKDF); RFC 9162, section 2.1.3; C2SP, tlog-checkpoint.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured

from . import members
from .canonical import decimal, parse_decimal, render_canonical
from .formats import read_document

FORMAT = 1
SECRET_BYTES = 32
SALT_BYTES = 32
Kind: TypeAlias = Literal["release", "renew", "return", "order"]
"""A key was released; its lease was renewed; pictures that were not run came back; the owner ordered it."""
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_NONCE_BYTES = 12
_MOST_PROOF = 64
_MOST_ENTRY_BYTES = (64 << 10) - 1  # C2SP, tlog-tiles: the length of an entry has two bytes
_KEY_INFO = b"symbolon:log:v1"
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class EntryMalformed(EvidenceRejected):
    """It is no entry of a broker's log, or no opening of one, as this program writes it."""

    code = "log-entry-malformed"


class EntryFormatUnknown(Misconfigured):
    """It is an entry of another format."""

    code = "log-entry-format-unknown"


class OpeningOfAnother(EvidenceRejected):
    """The opening is not what the entry commits to."""

    code = "opening-of-another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What happened: `at` in seconds since the epoch by the broker's clock; what is `said` is text.

    `salt` are 32 random bytes, new for each: without them the commitment could be found by guessing.
    """

    kind: Kind
    at: int
    said: Mapping[str, str]
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the log shows. `sealed` is the opening, for whoever has the secret."""

    kind: Kind
    at: int
    commitment: Digest
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An entry's text, its place from 0, the checkpoint's text, and the proof from the one to the other.

    `opening` is what the entry commits to: the workload that it is about is told, and a receipt says it.
    """

    entry: bytes
    opening: bytes = field(repr=False)
    index: int
    checkpoint: str
    proof: tuple[bytes, ...]


def render_opening(opening: Opening) -> bytes:
    """The text that an entry commits to."""
    return render_canonical(
        {
            "format": FORMAT,
            "kind": opening.kind,
            "at": decimal(opening.at),
            "said": dict(opening.said),
            "salt": opening.salt.hex(),
        }
    )


def parse_opening(data: bytes) -> Opening:
    """What `render_opening` wrote.

    Raises:
        EntryFormatUnknown, EntryMalformed: it is anything else.
    """
    document = _document(data, "opening")
    try:
        said = document["said"]
        if not isinstance(said, dict) or not all(isinstance(each, str) for each in said.values()):
            raise TypeError
        opening = Opening(
            kind=_KINDS[_KINDS.index(document["kind"])],
            at=parse_decimal(document["at"]),
            said=said,
            salt=bytes.fromhex(members.matching(_HEX, document["salt"])),
        )
    except (LookupError, TypeError, ValueError):
        raise _malformed("opening") from None
    if render_opening(opening) != data:
        raise _malformed("opening")
    return opening


def make_entry(opening: Opening, secret: bytes) -> Entry:
    """The entry of that opening, for whoever has the secret."""
    text = render_opening(opening)
    commitment = digest_of(text)
    # INVARIANT: the salt makes every commitment another, and so the nonce of every entry.
    sealed = AESGCM(_key(secret)).encrypt(_nonce_of(commitment), text, commitment.encode())
    return Entry(kind=opening.kind, at=opening.at, commitment=commitment, sealed=sealed)


def render_entry(entry: Entry) -> bytes:
    """The leaf of the log's tree."""
    return render_canonical(
        {
            "format": FORMAT,
            "kind": entry.kind,
            "at": decimal(entry.at),
            "commitment": entry.commitment,
            "sealed": base64.b64encode(entry.sealed).decode(),
        }
    )


def parse_entry(data: bytes) -> Entry:
    """What `render_entry` wrote.

    Raises:
        EntryFormatUnknown, EntryMalformed: it is anything else.
    """
    document = _document(data, "entry")
    try:
        entry = Entry(
            kind=_KINDS[_KINDS.index(document["kind"])],
            at=parse_decimal(document["at"]),
            commitment=members.digest(document["commitment"]),
            sealed=base64.b64decode(members.text(document["sealed"])),
        )
    except (LookupError, TypeError, ValueError, Misconfigured):
        raise _malformed("entry") from None
    if render_entry(entry) != data:
        raise _malformed("entry")
    return entry


def check_opening(entry: Entry, opening: bytes) -> Opening:
    """The opening, where it is what the entry commits to.

    Raises:
        OpeningOfAnother: it is not.
        EntryFormatUnknown, EntryMalformed: it is no opening.
    """
    found = parse_opening(opening)
    if digest_of(opening) != entry.commitment or (found.kind, found.at) != (entry.kind, entry.at):
        raise OpeningOfAnother("the opening is not what the log's entry commits to")
    return found


def find_opening(entry: Entry, secret: bytes) -> Opening | None:
    """The opening, where `secret` is the one that the entry was made with; else None.

    Raises:
        EvidenceRejected: it opens by that secret, and is not what the entry commits to.
    """
    try:
        text = AESGCM(_key(secret)).decrypt(
            _nonce_of(entry.commitment), entry.sealed, entry.commitment.encode()
        )
    except (InvalidTag, ValueError):
        return None
    return check_opening(entry, text)


def logged_members(logged: Logged) -> dict[str, object]:
    """How an answer and a receipt write it."""
    return {
        "entry": base64.b64encode(logged.entry).decode(),
        "opening": base64.b64encode(logged.opening).decode(),
        "index": decimal(logged.index),
        "checkpoint": logged.checkpoint,
        "proof": [each.hex() for each in logged.proof],
    }


def parse_logged(value: object) -> Logged:
    """What `logged_members` wrote; nothing is verified.

    Raises:
        ValueError, TypeError, LookupError: it is anything else.
    """
    if not isinstance(value, dict) or value.keys() != {"entry", "opening", "index", "checkpoint", "proof"}:
        raise ValueError("`logged` does not have its five members")
    proof = value["proof"]
    if not isinstance(proof, list) or len(proof) > _MOST_PROOF:
        raise ValueError("the proof is no list of digests")
    return Logged(
        entry=_base64(value["entry"]),
        opening=_base64(value["opening"]),
        index=parse_decimal(value["index"]),
        checkpoint=members.text(value["checkpoint"]),
        proof=tuple(bytes.fromhex(members.matching(_HEX, each)) for each in proof),
    )


def _nonce_of(commitment: Digest) -> bytes:
    return bytes.fromhex(commitment.removeprefix("sha256:"))[:_NONCE_BYTES]


def _key(secret: bytes) -> bytes:
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret of the log has {SECRET_BYTES} bytes")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_KEY_INFO).derive(secret)


def _document(data: bytes, what: str) -> dict[str, object]:
    return read_document(
        data,
        f"log's {what}",
        known=FORMAT,
        malformed=EntryMalformed,
        unknown=EntryFormatUnknown,
        hint="read it with the version of this program that the broker runs",
        most_bytes=_MOST_ENTRY_BYTES,
    )


def _malformed(what: str) -> EntryMalformed:
    return EntryMalformed(f"the log's {what} is not as this program writes it")


def _base64(value: object) -> bytes:
    """Bytes of which `value` is the one text in base64."""
    data = base64.b64decode(members.text(value))
    if base64.b64encode(data).decode() != value:
        raise ValueError
    return data
