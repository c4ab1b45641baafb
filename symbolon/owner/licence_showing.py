"""What `symbolon owner licence list|show|verify` do: they read, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from attestation.errors import ExitCode
from contract.canonical import parse_decimal
from contract.licence import open_licence
from release.moments import moment

from ..inputs import read_bytes
from ..rendering import columns, console, print_json, printable_lines
from .desk import Desk, unreadable
from .licence_words import (
    Counted,
    bound,
    counted_document,
    counted_rows,
    document_of,
    read_counted,
    rows_of,
    standing_of,
)
from .signing_keys import read_public_key

_MOST_PAGES = 10_000


def list_licences(desk: Desk, *, output: str) -> ExitCode:
    """Every licence that the broker has, a line each.

    Raises:
        BrokerRefused, BrokerUnreachable: see there.
    """
    found = list(_all(desk))
    now = desk.at
    if output == "json":
        print_json({"licences": [counted_document(each, now=now) for each in found]})
        return ExitCode.YES
    terminal = console()
    for each in found:
        licence = each.licence
        holder = (*licence.holder.service_accounts, *licence.holder.projects)
        more = f" and {len(holder) - 1} more" if len(holder) > 1 else ""
        terminal.print(
            printable_lines(
                f"{licence.id}  {standing_of(each, now=now)}: {each.runs_used:,} of"
                f" {bound(licence.runs)} runs, {each.pictures_used:,} of {bound(licence.pictures)} pictures,"
                f" {each.running} running; {licence.model_id}, {holder[0]}{more}"
            )
        )
    if not found:
        terminal.print("the broker has no licence")
    return ExitCode.YES


def show_licence(desk: Desk, id_: str, *, output: str) -> ExitCode:
    """What the licence says, what is used of it, and its latest leases.

    Raises:
        BrokerRefused: the broker has no such licence.
        BrokerUnreachable: see there.
    """
    said = desk.ask("licence", id_)
    counted = read_counted(said.get("licence", {}))
    try:
        leases = [_lease(each) for each in said["leases"]]
    except (LookupError, TypeError, ValueError):
        raise unreadable() from None
    if output == "json":
        print_json({"licence": counted_document(counted, now=desk.at), "leases": leases})
        return ExitCode.YES
    terminal = console()
    terminal.print(printable_lines(columns(counted_rows(counted, now=desk.at))))
    for lease in leases:
        terminal.print(printable_lines(_lease_line(lease, now=desk.at)))
    return ExitCode.YES


def verify_licence(file: Path, keys: Sequence[Path], *, output: str) -> ExitCode:
    """What the licence in the file says, where one of the owner's keys signs it; no broker is asked.

    Raises:
        LicenceSignedByAnother, LicenceMalformed, LicenceFormatUnknown: it is none of theirs, or none at all.
        Misconfigured: a file cannot be read.
    """
    public = tuple(map(read_public_key, keys))
    licence = open_licence(read_bytes(str(file), what="licence"), signed_by=public)
    if output == "json":
        print_json({"licence": document_of(licence), "signed": True})
        return ExitCode.YES
    terminal = console()
    terminal.print(printable_lines(columns(rows_of(licence))))
    terminal.print("signed by the owner's key; whether it was revoked or used up, the broker alone knows")
    return ExitCode.YES


def _all(desk: Desk) -> Iterator[Counted]:
    last = ""
    for _ in range(_MOST_PAGES):
        said = desk.ask("licences", last)
        listed = said.get("licences")
        if not isinstance(listed, list):
            raise unreadable()
        page = [read_counted(each) for each in listed]
        yield from page
        if not said.get("more") or not page:
            return
        last = page[-1].licence.id
    raise unreadable()


def _lease(said: dict[str, object]) -> dict[str, object]:
    numbers = ("begun_at", "ends_at", "pictures", "returned", "ended_at")
    lease: dict[str, object] = {name: str(said[name]) for name in ("lease", "machine", "image")}
    return lease | {name: None if said[name] is None else parse_decimal(said[name]) for name in numbers}


def _lease_line(lease: dict[str, object], *, now: int) -> str:
    begun, ends, ended = lease["begun_at"], lease["ends_at"], lease["ended_at"]
    assert isinstance(begun, int) and isinstance(ends, int)  # noqa: S101  for mypy
    state = (
        f"ended {moment(int(str(ended)))}"
        if ended is not None
        else (f"until {moment(ends)}" if ends > now else f"ran out {moment(ends)}")
    )
    back = "" if lease["returned"] is None else f", {lease['returned']} given back"
    return f"  {moment(begun)}  {lease['machine']}, {state}, {lease['pictures']} pictures{back}"
