"""The readers that strangers' bytes reach, each as one function that `scripts/fuzz` calls with any bytes.

A reader answers, or raises the errors that its docstring names. Any other exception is a mistake, and so is
an answer of which one of the sentences here is not true.
"""

from __future__ import annotations

import base64
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from attestation.claims import parse_claims
from attestation.digests import digest_of
from attestation.errors import EvidenceRejected, Misconfigured
from attestation.tokens import parse_token
from contract.checkpoint import decode_checkpoint, parse_checkpoint, render_checkpoint
from contract.log_tiles import parse_bundle, parse_tile_path, render_bundle, render_tile_path
from contract.release_log import EntryFormatUnknown, parse_entry, render_entry
from contract.sealed_model import ManifestFormatUnknown, render_manifest, unsafe_read_manifest
from contract.signed_note import parse_note, parse_verifier_key, render_note, render_verifier_key
from contract.wrapped_keys import KeysFormatUnknown, parse_keys, render_keys
from policy.cel.condition import compile_condition
from policy.cel.syntax import InvalidExpression
from workload.model_archive import unpack
from workload.pictures.headers import MOST_PIXELS, Unreadable, check_header

MOST_UNPACKED_BYTES = 1 << 20
_MEMORY = Path("/dev/shm")
_MANIFEST = digest_of(b"a manifest")


def token(data: bytes) -> None:
    """A token as text, and as a payload between a header and a signature that are in order."""
    with contextlib.suppress(EvidenceRejected):
        text = data.decode("utf-8", "surrogateescape")
        assert parse_token(text).text == text
    payload = base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
    with contextlib.suppress(EvidenceRejected):
        parse_claims(parse_token(f"e30.{payload}.AAAA").claims)


def condition(data: bytes) -> None:
    """A condition; one that is none is shown with the place where it is not."""
    text = data.decode("utf-8", "replace")
    try:
        compile_condition(text)
    except InvalidExpression as refusal:
        assert 0 <= refusal.span.start <= refusal.span.end <= len(text)
        assert refusal.pointer and "\n" not in refusal.message


def archive(data: bytes) -> None:
    """A model's archive: what is unpacked are files and folders, below its folder and within the limit."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as scratch:
        packed, folder = Path(scratch, "packed"), Path(scratch, "model")
        packed.write_bytes(data)
        try:
            unpack(packed, folder, max_unpacked_bytes=MOST_UNPACKED_BYTES)
        except Misconfigured as refusal:
            assert "\n" not in refusal.message and scratch not in refusal.message
        assert {path.name for path in Path(scratch).iterdir()} <= {"packed", "model"}
        found = list(folder.rglob("*"))
        assert not [path for path in found if path.is_symlink() or not (path.is_file() or path.is_dir())]
        assert sum(path.stat().st_size for path in found if path.is_file()) <= MOST_UNPACKED_BYTES


def picture(data: bytes) -> None:
    """A picture's header."""
    with contextlib.suppress(Unreadable):
        checked = check_header(data)
        assert checked.data is data
        assert 1 <= checked.orientation <= 8
        assert 0 <= checked.pixels <= MOST_PIXELS


def sealed(data: bytes) -> None:
    """What lies beside a sealed model: a manifest, signed or not, and wrapped keys; each has one text."""
    with contextlib.suppress(EvidenceRejected, ManifestFormatUnknown):
        manifest, digest = unsafe_read_manifest(data)
        assert digest_of(render_manifest(manifest)) == digest
    with contextlib.suppress(EvidenceRejected, KeysFormatUnknown):
        assert render_keys(_MANIFEST, parse_keys(data, manifest=_MANIFEST)) == data


def log(data: bytes) -> None:
    """What a broker's log shows: a checkpoint, an entry, a bundle of them, a path; each has one text."""
    with contextlib.suppress(EvidenceRejected):
        note = parse_note(decode_checkpoint(data))
        assert render_note(note).encode() == data
        assert render_checkpoint(parse_checkpoint(note)) == note.text
    with contextlib.suppress(EvidenceRejected, EntryFormatUnknown):
        assert render_entry(parse_entry(data)) == data
    with contextlib.suppress(EvidenceRejected):
        assert render_bundle(parse_bundle(data, width=2)) == data
    text = data.decode("utf-8", "replace")
    tile = parse_tile_path(text)
    assert tile is None or render_tile_path(tile) == text
    with contextlib.suppress(Misconfigured):
        assert render_verifier_key(parse_verifier_key(text)) == text


READERS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (token, condition, archive, picture, sealed, log)
}
