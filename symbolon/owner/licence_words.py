"""A licence in words: what it gives, to whom, and how much of it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attestation.errors import SymbolonError
from contract.canonical import parse_decimal
from contract.licence import Licence, unsafe_read_licence
from release.moments import moment

from .desk import unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A licence as the broker has it: `envelope` is what the owner signed, `running` its open leases."""

    licence: Licence
    envelope: bytes
    revoked_at: int | None
    runs_used: int
    pictures_used: int
    running: int


def read_counted(said: Mapping[str, Any]) -> Counted:
    """What the broker says of one licence.

    Raises:
        EvidenceRejected: it cannot be read.
    """
    try:
        envelope = str(said["envelope"]).encode()
        revoked_at = said["revoked_at"]
        return Counted(
            licence=unsafe_read_licence(envelope),
            envelope=envelope,
            revoked_at=None if revoked_at is None else parse_decimal(revoked_at),
            runs_used=parse_decimal(said["runs_used"]),
            pictures_used=parse_decimal(said["pictures_used"]),
            running=int(said["running"]),
        )
    except (LookupError, TypeError, ValueError, SymbolonError):
        raise unreadable() from None


def standing_of(counted: Counted, *, now: int) -> str:
    """In a word or two, whether a job would be released under it."""
    licence = counted.licence
    if counted.revoked_at is not None:
        return "revoked"
    if now < licence.starts_at:
        return "not begun"
    if licence.ends_at is not None and now >= licence.ends_at:
        return "ended"
    if licence.runs is not None and counted.runs_used >= licence.runs:
        return "used up"
    if licence.pictures is not None and counted.pictures_used >= licence.pictures:
        return "no pictures left"
    return "holds"


def rows_of(licence: Licence) -> Iterator[tuple[str, str]]:
    """What it says, a line each."""
    first, last = licence.versions
    until = "and later" if last is None else f"to {last}"
    versions = f"version {first}" if first == last else f"versions {first} {until}"
    yield "licence", f"{licence.id}, serial {licence.serial}"
    yield "model", f"{licence.model_id}, {versions}"
    holder = licence.holder
    yield "for", ", ".join((*holder.service_accounts, *(f"project {each}" for each in holder.projects)))
    if licence.images:
        yield "images", ", ".join(licence.images)
    if licence.policy is not None:
        yield "policy", licence.policy
    yield "from", moment(licence.starts_at)
    yield "until", "no end" if licence.ends_at is None else moment(licence.ends_at)
    yield "runs", bound(licence.runs)
    yield "pictures", bound(licence.pictures)
    yield "at once", bound(licence.at_once)
    yield "lease", f"{licence.lease_s} s"


def counted_rows(counted: Counted, *, now: int) -> Iterator[tuple[str, str]]:
    """What it says and what is used, a line each."""
    used = {"runs": counted.runs_used, "pictures": counted.pictures_used, "at once": counted.running}
    for name, words in rows_of(counted.licence):
        yield name, f"{used[name]:,} of {words}" if name in used else words
    since = "" if counted.revoked_at is None else f" since {moment(counted.revoked_at)}"
    yield "state", f"{standing_of(counted, now=now)}{since}"


def document_of(licence: Licence) -> dict[str, object]:
    """What it says, for a program; not its secret."""
    return {
        "id": licence.id,
        "serial": licence.serial,
        "model": licence.model_id,
        "versions": list(licence.versions),
        "service_accounts": list(licence.holder.service_accounts),
        "projects": list(licence.holder.projects),
        "images": list(licence.images),
        "policy": licence.policy,
        "evidence": licence.evidence,
        "starts_at": licence.starts_at,
        "ends_at": licence.ends_at,
        "runs": licence.runs,
        "pictures": licence.pictures,
        "at_once": licence.at_once,
        "lease_s": licence.lease_s,
        "issued_at": licence.issued_at,
    }


def counted_document(counted: Counted, *, now: int) -> dict[str, object]:
    """What it says and what is used, for a program."""
    return {
        **document_of(counted.licence),
        "state": standing_of(counted, now=now),
        "revoked_at": counted.revoked_at,
        "runs_used": counted.runs_used,
        "pictures_used": counted.pictures_used,
        "running": counted.running,
    }


def bound(number: int | None) -> str:
    """A bound in words.

    >>> bound(None), bound(1200)
    ('any number', '1,200')
    """
    return "any number" if number is None else f"{number:,}"
