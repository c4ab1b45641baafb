"""What `symbolon auditor log find` answers: the log's entries that a secret opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from attestation.digests import Digest
from attestation.errors import ExitCode, Misconfigured, printable
from contract.checkpoint import open_checkpoint, unsafe_read_checkpoint
from contract.dsse import PublicKey
from contract.licence import unsafe_read_licence
from contract.release_log import SECRET_BYTES, Opening, find_opening

from ..handed_tokens import moment
from ..inputs import read_bytes, read_text
from ..progress import patience
from ..rendering import console, print_json, shortened
from .log_reading import read_checkpoint, read_entries
from .log_sources import open_log

_DIGEST, _TEXT = 20, 48
_UNSIGNED: Final = "nobody's signature was verified: give --key"


@dataclass(frozen=True, slots=True)
class _Found:
    index: int
    opening: Opening


def find(
    *,
    log: str,
    licence: str | None,
    secret_file: Path | None,
    key: PublicKey | None,
    pins: Sequence[Digest],
    output: str,
) -> ExitCode:
    """Each entry that the secret opens stands on standard output; 3 where there is none.

    Raises:
        EvidenceRejected: the log is not as it was signed, or an entry is not what it commits to.
        Misconfigured: an input cannot be read.
        Unavailable: the log does not answer.
    """
    secret = _secret(licence, secret_file)
    with open_log(log, pins=pins) as source, patience("reading the log"):
        text = read_checkpoint(source)
        checkpoint = unsafe_read_checkpoint(text) if key is None else open_checkpoint(text, key)
        found = [
            _Found(placed.index, opening)
            for placed in read_entries(source, checkpoint)
            if (opening := find_opening(placed.entry, secret)) is not None
        ]
    if output == "json":
        print_json({"entries": checkpoint.size, "signed": key is not None, "found": list(map(_said, found))})
    else:
        console().print(f"{len(found)} of the log's {checkpoint.size} entries open by this secret")
        for each in found:
            console().print(_line(each))
        if key is None:
            console().print(f"\n{_UNSIGNED}")
    return ExitCode.YES if found else ExitCode.ANSWERED_NO


def _secret(licence: str | None, secret_file: Path | None) -> bytes:
    """The licence's own, or the one in the file: 64 hex digits.

    Raises:
        EnvelopeMalformed, LicenceFormatUnknown, LicenceMalformed: it is no licence.
        Misconfigured: the file has no secret in it.
    """
    if licence is not None:
        return unsafe_read_licence(read_bytes(licence, what="licence")).secret
    text = read_text(str(secret_file), what="secret").strip()
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise Misconfigured(
            "the secret's file does not have 64 hex digits in it",
            hint="name the file with the secret of a licence or of the broker's log",
        )
    return secret


def _line(found: _Found) -> str:
    opening = found.opening
    said = ", ".join(f"{name} {_short(value)}" for name, value in sorted(opening.said.items()) if value)
    return printable(f"{found.index:>8}  {moment(opening.at)}  {opening.kind:<8} {said}")


def _short(value: str) -> str:
    """A digest by its ends, and another long text without its middle; `--format json` has them whole."""
    return shortened(value, _DIGEST if value.startswith("sha256:") else _TEXT)


def _said(found: _Found) -> dict[str, object]:
    opening = found.opening
    return {"index": found.index, "at": opening.at, "kind": opening.kind, "said": dict(opening.said)}
