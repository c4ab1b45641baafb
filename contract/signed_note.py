"""A text with its signatures below it, each by a named key: C2SP's signed note.

    text, one line or more
    (an empty line)
    — NAME base64(4 bytes of the key's ID, and the signature)

A signature by a key that the reader does not know is passed over, and says nothing. One whose name and ID
are a known key's has to hold, or the whole note is refused.

A key is written as C2SP's *verifier key*: `NAME+ID in hex+base64(kind, public key)`. Of the kinds, this
program knows Ed25519's two: `NOTE` signs the text as it stands, `COSIGNATURE` is a witness's
(`contract.cosignature`).

Source: C2SP, signed-note; RFC 8032; RFC 4648, section 4.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.errors import EvidenceRejected, Misconfigured, quoted

NOTE, COSIGNATURE = 0x01, 0x04
MOST_CHARACTERS = 256 << 10
MOST_SIGNATURES = 64
KEY_ID_BYTES = 4

_DASH = "— "
_ED25519_BYTES = 32


class NoteMalformed(EvidenceRejected):
    """It is no signed note."""

    code = "note-malformed"


class NoteSignedByAnother(EvidenceRejected):
    """The note is not signed by the key that it has to be signed by, or has been altered since."""

    code = "note-signed-by-another"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteKey:
    """Whose signature is looked for: `public` is Ed25519's 32 bytes, `kind` what such a signature is of."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes by which a signature names its key; they prove nothing.

        >>> NoteKey(name="example.com/foo", kind=1, public=bytes(32)).key_id.hex()
        'ae0599c0'
        """
        told = self.name.encode() + b"\n" + bytes((self.kind,)) + self.public
        return hashlib.sha256(told).digest()[:KEY_ID_BYTES]

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's, over that message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One line below a note, believed in nothing."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note taken apart: `text` ends with a line end."""

    text: str
    signatures: tuple[NoteSignature, ...]


def note_key(name: str, kind: int, key: Ed25519PrivateKey | Ed25519PublicKey) -> NoteKey:
    """The public half, as a note's reader knows it."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return NoteKey(name=name, kind=kind, public=public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def render_verifier_key(key: NoteKey) -> str:
    """The one text of a key."""
    return f"{key.name}+{key.key_id.hex()}+{base64.b64encode(bytes((key.kind,)) + key.public).decode()}"


def parse_verifier_key(text: str) -> NoteKey:
    """What `render_verifier_key` wrote.

    Raises:
        Misconfigured: it is no such text, or a key of another kind.
    """
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        data = _base64(encoded)
        key = NoteKey(name=name, kind=data[0], public=data[1:])
    except (ValueError, IndexError):
        raise _no_key(text) from None
    if not _is_name(name) or key.key_id.hex() != key_id or len(key.public) != _ED25519_BYTES:
        raise _no_key(text)
    if key.kind not in (NOTE, COSIGNATURE):
        raise Misconfigured(
            f"{quoted(text)} is a key of kind {key.kind}, which this program does not know",
            hint="name an Ed25519 key: kind 1, or kind 4 for a witness",
        )
    return key


def _no_key(text: str) -> Misconfigured:
    return Misconfigured(
        f"{quoted(text)} is no verifier key", hint="it is written NAME+ID+KEY, as C2SP's signed-note says"
    )


def sign_note(text: str, *, name: str, key: Ed25519PrivateKey) -> str:
    """The text with one signature below it."""
    return (
        text
        + "\n"
        + render_signature(
            NoteSignature(
                name=name, key_id=note_key(name, NOTE, key).key_id, signature=key.sign(text.encode())
            )
        )
    )


def render_note(note: Note) -> str:
    """The note's text with all its signatures, in their order."""
    return note.text + "\n" + "".join(render_signature(each) for each in note.signatures)


def render_signature(signature: NoteSignature) -> str:
    """Its line."""
    said = base64.b64encode(signature.key_id + signature.signature).decode()
    return f"{_DASH}{signature.name} {said}\n"


def parse_note(text: str) -> Note:
    """The note of that text; no signature is verified.

    Raises:
        NoteMalformed: it is none.
    """
    if len(text) > MOST_CHARACTERS:
        raise NoteMalformed(f"the note is larger than {MOST_CHARACTERS} characters")
    if any(each < " " and each != "\n" for each in text):
        raise NoteMalformed("the note has a control character")
    body, parted, below = text.rpartition("\n\n")
    if not parted or not body or not below:
        raise NoteMalformed("the note has no text, an empty line, and signatures")
    return Note(text=body + "\n", signatures=parse_signatures(below))


def parse_signatures(text: str) -> tuple[NoteSignature, ...]:
    """The signatures of that text, which has only such lines; none of them is verified.

    Raises:
        NoteMalformed: it is anything else.
    """
    lines = text.split("\n")
    if lines.pop() or not lines:
        raise NoteMalformed("a signature's line does not end")
    if len(lines) > MOST_SIGNATURES:
        raise NoteMalformed(f"the note has more than {MOST_SIGNATURES} signatures")
    return tuple(_signature(line) for line in lines)


def _signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        data = _base64(encoded)
    except ValueError:
        data = b""
    if not line.startswith(_DASH) or not _is_name(name) or len(data) <= KEY_ID_BYTES:
        raise NoteMalformed("a line below the note is no signature")
    return NoteSignature(name=name, key_id=data[:KEY_ID_BYTES], signature=data[KEY_ID_BYTES:])


def signatures_of(note: Note, key: NoteKey) -> tuple[NoteSignature, ...]:
    """The lines that name this key; none of them is verified."""
    return tuple(each for each in note.signatures if (each.name, each.key_id) == (key.name, key.key_id))


def verify_note(note: Note, key: NoteKey) -> None:
    """The note's text is signed by the key, and every signature that names the key holds.

    Raises:
        NoteSignedByAnother: it is not.
    """
    found = signatures_of(note, key)
    if not found:
        raise NoteSignedByAnother(f"the note is not signed by {quoted(key.name)}")
    if not all(key.verifies(each.signature, note.text.encode()) for each in found):
        raise NoteSignedByAnother(f"the signature of {quoted(key.name)} does not hold")


def _is_name(text: str) -> bool:
    return bool(text) and "+" not in text and not any(each.isspace() for each in text)


def _base64(text: str) -> bytes:
    """Bytes of which `text` is the one text in base64."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError
    return data
