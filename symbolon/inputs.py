"""What a person names on the command line, read: a file, standard input, a moment.

Every function raises `Misconfigured`, which says what is wrong and repeats nothing of the file.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from attestation.errors import EvidenceRejected, ExitCode, Misconfigured, quoted
from attestation.strict_json import parse_json_object
from contract.uris import parse_folder_uri

MAX_INPUT_BYTES = 4 * 1024 * 1024
"""More than any policy, token or key set has; a wrong file is refused before it fills the memory."""


class WrongUsage(Misconfigured):
    """What was typed cannot be meant: whoever typed it acts next."""

    code = "wrong-usage"
    exit_code = ExitCode.USAGE


def check_folder_name(name: str) -> str:
    """`name`, of a folder on this machine or of one in Cloud Storage, whose name it may be then.

    Raises:
        Misconfigured: it begins with `gs://` and names no folder.
    """
    if name.startswith("gs://"):
        parse_folder_uri(name, where="the folder")
    return name


def check_named_once(*names: str | None) -> None:
    """Standard input, `-`, is named at most once: its second reader would find it empty.

    Raises:
        WrongUsage: it is named twice.
    """
    if names.count("-") > 1:
        raise WrongUsage("standard input (`-`) is named twice", hint="put one of the two into a file")


def read_text(name: str, *, what: str) -> str:
    """The text of the file `name`; of standard input where it is `-`.

    Raises:
        Misconfigured: it cannot be read, is too large, or is not UTF-8.
    """
    return decode_text(read_bytes(name, what=what), name, what=what)


def read_bytes(name: str, *, what: str) -> bytes:
    """The bytes of the file `name`; of standard input where it is `-`.

    Raises:
        Misconfigured: it cannot be read, or is too large.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise Misconfigured(
            f"cannot read the {what} {quoted(name)}: {(error.strerror or 'no reason given').lower()}",
            hint="name a readable file, or `-` for standard input",
        ) from error
    if len(data) > MAX_INPUT_BYTES:
        raise Misconfigured(
            f"the {what} {quoted(name)} is larger than {MAX_INPUT_BYTES} bytes", hint="is it the right file?"
        )
    return data


def decode_text(data: bytes, name: str, *, what: str) -> str:
    """The text that `data` of the file `name` is, without the mark that Windows puts before it.

    Raises:
        Misconfigured: it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "is it the right file?"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            hint = "it is UTF-16, as Windows writes it: save it as UTF-8"
        raise Misconfigured(f"the {what} {quoted(name)} is not UTF-8 text", hint=hint) from error


def cannot_write(name: str, error: OSError) -> Misconfigured:
    """The failure to write into the file or folder `name`, as a person is told of it."""
    reason = (error.strerror or "no reason given").lower()
    return Misconfigured(
        f"cannot write {quoted(name)}: {reason}", hint="name a place that can be written to, with room on it"
    )


def parse_json_document(text: str, *, what: str) -> dict[str, object]:
    """The JSON object that `text` is, no name in it twice.

    Raises:
        Misconfigured: it is anything else.
    """
    try:
        return parse_json_object(text.encode("utf-8", "surrogatepass"), what=what)
    except EvidenceRejected as error:
        raise Misconfigured(error.message, hint="is it the right file?") from error


def parse_time(text: str) -> float:
    """Seconds since the epoch, of such a number or of an RFC 3339 time.

    >>> parse_time("1757060250") == parse_time("2025-09-05T08:17:30Z")
    True

    Raises:
        WrongUsage: it is neither, or a time without its offset.
    """
    try:
        moment = _moment(text)
    except (ValueError, OverflowError, OSError):  # of a number too large: two of them, by how much
        moment = None
    if moment is None or moment.tzinfo is None:
        raise WrongUsage(
            f"{quoted(text)} is not a time",
            hint="write seconds since the epoch, or RFC 3339 with its offset: 2026-01-31T12:00:00Z",
        )
    return moment.timestamp()


def _moment(text: str) -> datetime:
    if text.replace(".", "", 1).isdecimal():
        return datetime.fromtimestamp(float(text), UTC)
    return datetime.fromisoformat(text.upper())
