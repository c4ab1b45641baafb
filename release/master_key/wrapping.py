"""What wraps a key at rest, and how a wrapped value says by which key it was.

    01 | key id 8 | nonce 12 | AES-256-GCM of the value, tag 16           by a key of the sealed file
    02 | length u16 | name of the key's version | what Cloud KMS gave     by a key in Cloud KMS

`associated` is what the value is for: wrapped for one thing, it does not open as another.

Source: NIST SP 800-38D.
"""

from __future__ import annotations

import re
import struct

from attestation.errors import EvidenceRejected, Misconfigured, quoted

FILE, KMS = 1, 2
FILE_ID_BYTES = 8
MOST_BYTES = 64 << 10
_VERSION = re.compile(rb"projects/[\x21-\x7e]{1,400}/cryptoKeyVersions/[0-9]{1,19}")


class WrappedRefused(EvidenceRejected):
    """A wrapped key does not open: it was altered, or wrapped for something else."""

    code = "wrapped-refused"


class MasterKeyUnknown(Misconfigured):
    """A wrapped key names a master key that is not at hand."""

    code = "master-key-unknown"


def render_by_file(key_id: str, body: bytes) -> bytes:
    """A value that a key of the sealed file wrapped."""
    return bytes((FILE,)) + bytes.fromhex(key_id) + body


def render_by_kms(version: str, body: bytes) -> bytes:
    """A value that this version of a key in Cloud KMS wrapped."""
    name = version.encode()
    return struct.pack(">BH", KMS, len(name)) + name + body


def take_apart(wrapped: bytes) -> tuple[int, str, bytes]:
    """Where the key is (`FILE` or `KMS`), its id, and what it made.

    Raises:
        WrappedRefused: it is no wrapped value.
    """
    kind = wrapped[:1]
    if len(wrapped) <= MOST_BYTES:
        if kind == bytes((FILE,)) and len(wrapped) > 1 + FILE_ID_BYTES:
            return FILE, wrapped[1 : 1 + FILE_ID_BYTES].hex(), wrapped[1 + FILE_ID_BYTES :]
        if kind == bytes((KMS,)) and len(wrapped) > 3:
            (length,) = struct.unpack_from(">H", wrapped, 1)
            name, body = wrapped[3 : 3 + length], wrapped[3 + length :]
            if _VERSION.fullmatch(name) and body:
                return KMS, name.decode(), body
    raise WrappedRefused(
        "a wrapped key is not as this program writes one", hint="restore the broker from a backup"
    )


def key_id_of(wrapped: bytes) -> str:
    """The id of the key that wrapped it: 16 hex digits, or a version's name in Cloud KMS.

    Raises:
        WrappedRefused: it is no wrapped value.
    """
    return take_apart(wrapped)[1]


def refused() -> WrappedRefused:
    """It names a key that is at hand, which does not open it."""
    return WrappedRefused(
        "the master key does not open what it wrapped: it was altered, or is in another's place",
        hint="restore the broker's folder and database from one backup",
    )


def unknown(key_id: str) -> MasterKeyUnknown:
    """It names a key that is not at hand."""
    return MasterKeyUnknown(
        f"a key of the broker's was wrapped by the master key {quoted(key_id)}, which is not at hand",
        hint="restore the `master.key` that has it, or name the key in Cloud KMS that it was",
    )
