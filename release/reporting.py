"""A receipt brings back the pictures that were reserved and not run, and ends the lease that it reports.

What counts is what the receipt's token vouches for: the image that was given the lease, on the machine that
was given it, says how many rows it wrote. A machine that is killed before it reports brings nothing back.

A receipt has all rows of its job, those of earlier starts too: so more than was left over is never returned.
Pictures that could not be read have rows, and so count as run. So this program's own image, which has a row
for each picture that it reserved, brings nothing back; it ends its lease.

The same report again is answered as the first one was, and returns nothing more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, select, update

from attestation.errors import EvidenceRejected, Misconfigured
from contract.canonical import decimal, render_canonical
from contract.receipt import AUDIENCE, Statement, nonce_of, parse_receipt, parse_statement
from contract.release import VERSION
from contract.release_log import SALT_BYTES, Logged, Opening, make_entry, render_entry, render_opening
from contract.release_refusals import REFUSALS, BrokerRefused

from . import licensing
from .broker import Broker
from .log.appending import append
from .store import schema
from .store.engine import reading, writing
from .verifying import Admitted, verify

_Row: TypeAlias = "Row[*tuple[Any, ...]]"
_KIND: Final = "return"


def report(broker: Broker, receipt: bytes, clock: Callable[[], float]) -> bytes:
    """What came back for a verified receipt: `{"version": 1, "lease": …, "returned": …}`.

    The lease has ended, and the log says so. `clock` is seconds since the epoch.

    Raises:
        BrokerRefused: `report-rejected`, `lease-unknown`, `broker-not-ready`, `database-unavailable`.
    """
    try:
        envelope = parse_receipt(receipt)
        statement = parse_statement(envelope.payload)
    except (EvidenceRejected, Misconfigured) as error:
        raise _rejected(error.message) from None
    broker.log.check_ready()
    with reading(broker.engine) as connection:
        lease = _find_lease(connection, statement, locked=False)
    try:
        machine = verify(
            broker.tokens,
            envelope.token,
            audience=AUDIENCE,
            nonce=nonce_of(envelope.payload),
            not_before=lease.begun_at,
            now=clock(),
        )
    except BrokerRefused as refused:
        raise _rejected(refused.message) from None
    if (machine.image, machine.machine) != (lease.image, lease.machine):
        raise _rejected("another image or machine made it than was given the lease")
    if (statement.image_digest, statement.sealed_manifest) != (lease.image, lease.manifest):
        raise _rejected("it is about another image or model than the lease")
    with writing(broker.engine) as connection:
        returned, entry = _settle(connection, statement, machine, clock)
    if entry is not None:
        broker.log.logged(entry.index, entry=entry.entry, opening=entry.opening)
    return render_canonical({"version": VERSION, "lease": lease.id, "returned": decimal(returned)})


def _settle(
    connection: Connection, statement: Statement, machine: Admitted, clock: Callable[[], float]
) -> tuple[int, Logged | None]:
    """The pictures that came back, and the log's entry of it: None where it was reported before."""
    leases, licences = schema.leases, schema.licences
    unlocked = _find_lease(connection, statement, locked=False)
    held = licensing.lock_licence(connection, unlocked.licence)
    lease = _find_lease(connection, statement, locked=True)
    at = int(clock())
    if lease.reported_at is not None:
        return int(lease.returned), None
    if lease.ended_at is not None:  # what was given before a restore may have been used after it
        raise _rejected("the owner has ended the lease")
    returned = max(0, min(lease.pictures - statement.rows.size, held.pictures_used))
    connection.execute(
        update(leases)
        .where(leases.c.id == lease.id)
        .values(job=statement.job_digest, reported_at=at, returned=returned, ended_at=at)
    )
    connection.execute(
        update(licences)
        .where(licences.c.id == lease.licence)
        .values(pictures_used=licences.c.pictures_used - returned)
    )
    opening = Opening(
        kind=_KIND,
        at=at,
        said={
            "licence": str(lease.licence),
            "manifest": str(lease.manifest),
            "image": machine.image,
            "project": machine.project,
            "instance": machine.instance,
            "lease": str(lease.id),
            "job": statement.job_digest,
            "rows": str(statement.rows.size),
            "returned": str(returned),
        },
        salt=secrets.token_bytes(SALT_BYTES),
    )
    entry, text = render_entry(make_entry(opening, held.licence.secret)), render_opening(opening)
    index = append(connection, entry)
    return returned, Logged(entry=entry, opening=text, index=index, checkpoint="", proof=())


def _find_lease(connection: Connection, statement: Statement, *, locked: bool) -> _Row:
    """The lease that was given, or renewed, by the very request that the receipt names."""
    if statement.release is None:
        raise _rejected("it is of a start that no broker gave the model's key")
    leases, releases = schema.leases, schema.releases
    given = (
        select(leases)
        .join(releases, releases.c.lease == leases.c.id)
        .where(releases.c.request == statement.release.request)
    )
    row = connection.execute(given.with_for_update(of=leases) if locked else given).one_or_none()
    if row is None:
        raise REFUSALS["lease-unknown"].error()
    return row


def _rejected(why: str) -> BrokerRefused:
    return REFUSALS["report-rejected"].error(f"the receipt does not give pictures back: {why}")
