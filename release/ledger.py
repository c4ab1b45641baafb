"""The rows of a release: what each step of its one transaction reads, locks and writes.

Whoever calls has the transaction, and takes the rows in the order that `store.schema` names. `locked` is for
what is going to be changed, or may not change until the transaction ends.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from attestation.digests import Digest
from contract.release import REPEATED_S, Release, ReleaseRequest, parse_release, render_release
from contract.release_refusals import REFUSALS

from . import licensing
from .store import schema
from .verifying import Admitted

AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"

# Statements are made once: to make one costs as much as to execute it.
_CHALLENGE = select(schema.challenges).where(schema.challenges.c.challenge == bindparam("asked"))
_GIVE_CHALLENGE = insert(schema.challenges)
_FORGET_CHALLENGES = delete(schema.challenges).where(schema.challenges.c.ends_at < bindparam("before"))
_USE_CHALLENGE = (
    update(schema.challenges)
    .where(schema.challenges.c.challenge == bindparam("asked"))
    .values(request=bindparam("by"))
)
_POLICY = select(schema.documents.c.digest, schema.documents.c.body).where(
    schema.documents.c.kind == schema.POLICY, schema.documents.c.name == schema.CURRENT
)
_COUNT = (
    update(schema.licences)
    .where(
        schema.licences.c.id == bindparam("licence"),
        schema.licences.c.revoked_at.is_(None),
        schema.licences.c.runs_used < bindparam("most_runs"),
        schema.licences.c.pictures_used <= bindparam("most_before"),
    )
    .values(
        runs_used=schema.licences.c.runs_used + 1,
        pictures_used=schema.licences.c.pictures_used + bindparam("pictures"),
    )
)
_GIVE_LEASE = insert(schema.leases)
_LEASE = select(schema.leases).where(schema.leases.c.id == bindparam("asked")).with_for_update()
_RENEW_LEASE = (
    update(schema.leases).where(schema.leases.c.id == bindparam("asked")).values(ends_at=bindparam("until"))
)
_STORE_RELEASE = insert(schema.releases)
_STORED_RELEASE = (
    select(
        schema.releases.c.released_at,
        schema.releases.c.answer,
        schema.leases.c.machine,
        schema.leases.c.ended_at,
    )
    .join(schema.leases, schema.leases.c.id == schema.releases.c.lease)
    .where(schema.releases.c.request == bindparam("asked"))
)
_LOCKED_CHALLENGE, _SHARED_POLICY = _CHALLENGE.with_for_update(), _POLICY.with_for_update(read=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call taken apart."""

    request: ReleaseRequest
    text: bytes
    digest: Digest
    token: str


def give_challenge(
    connection: Connection, challenge: str, *, at: int, ends_at: int, forget_before: int
) -> None:
    """The challenge may be used until it ends; those that ended before `forget_before` are forgotten."""
    connection.execute(_FORGET_CHALLENGES, {"before": forget_before})
    row = {"challenge": challenge, "issued_at": at, "ends_at": ends_at, "request": None}
    connection.execute(_GIVE_CHALLENGE, row)


def find_challenge(connection: Connection, asked: Asked, at: int, *, locked: bool) -> AnyRow:
    """The challenge, which is this request's to use, or which it has used already."""
    wanted = _LOCKED_CHALLENGE if locked else _CHALLENGE
    row = connection.execute(wanted, {"asked": asked.request.challenge}).one_or_none()
    if row is None:
        raise REFUSALS["challenge-unknown"].error()
    if row.request not in (None, asked.digest):
        raise REFUSALS["challenge-used"].error()
    if row.request is None and at >= row.ends_at:
        raise REFUSALS["challenge-expired"].error()
    return row


def find_policy(connection: Connection, *, locked: bool) -> AnyRow | None:
    """The policy that stands; `locked` so that it stands until the transaction ends."""
    return connection.execute(_SHARED_POLICY if locked else _POLICY).one_or_none()


def count(connection: Connection, held: licensing.Held, request: ReleaseRequest) -> None:
    """One run and the pictures are counted, where the licence still has them."""
    most_runs, most_pictures = licensing.bounds_of(held.licence)
    pictures = request.pictures
    counted = connection.execute(
        _COUNT,
        {
            "licence": held.licence.id,
            "most_runs": most_runs,
            "most_before": most_pictures - pictures,
            "pictures": pictures,
        },
    )
    if counted.rowcount != 1:  # the lock's holder saw otherwise: never so, and never released
        raise REFUSALS["licence-used-up"].error()


def give_lease(
    connection: Connection, asked: Asked, machine: Admitted, at: int, ends_at: int
) -> tuple[str, int]:
    """A new lease, and its pictures."""
    lease, request = secrets.token_hex(16), asked.request
    connection.execute(
        _GIVE_LEASE,
        {
            "id": lease,
            "licence": request.licence,
            "machine": machine.machine,
            "image": machine.image,
            "manifest": request.manifest,
            "begun_at": at,
            "ends_at": ends_at,
            "pictures": request.pictures,
        },
    )
    return lease, request.pictures


def renew_lease(
    connection: Connection, asked: Asked, machine: Admitted, at: int, ends_at: int
) -> tuple[str, int]:
    """The lease goes on, for whom it was given to; and its pictures."""
    leases, request = schema.leases, asked.request
    row = connection.execute(
        select(leases).where(leases.c.id == request.lease).with_for_update()
    ).one_or_none()
    if row is None:
        raise REFUSALS["lease-unknown"].error()
    given_to = (row.licence, row.machine, row.image, row.manifest)
    if given_to != (request.licence, machine.machine, machine.image, request.manifest):
        raise REFUSALS["lease-of-another"].error()
    if row.ended_at is not None or at >= row.ends_at:
        raise REFUSALS["lease-ended"].error()
    connection.execute(_RENEW_LEASE, {"asked": row.id, "until": ends_at})
    return str(row.id), int(row.pictures)


def store(connection: Connection, asked: Asked, stored: Release, at: int) -> None:
    request = asked.request
    connection.execute(_USE_CHALLENGE, {"asked": request.challenge, "by": asked.digest})
    connection.execute(
        _STORE_RELEASE,
        {
            "request": asked.digest,
            "challenge": request.challenge,
            "lease": stored.lease,
            "purpose": request.purpose,
            "released_at": at,
            "answer": render_release(stored),
            "entry_index": stored.logged.index,
        },
    )


def find_stored(connection: Connection, asked: Asked, machine: Admitted, at: int) -> Release:
    """What this very request came to, where it still holds."""
    row = connection.execute(_STORED_RELEASE, {"asked": asked.digest}).one_or_none()
    if row is None or at >= row.released_at + REPEATED_S:
        raise REFUSALS["challenge-expired"].error(
            "the request was answered longer ago than the broker repeats"
        )
    if row.machine != machine.machine:
        raise REFUSALS["lease-of-another"].error()
    stored = parse_release(row.answer)
    if row.ended_at is not None or at >= stored.lease_ends_at:
        raise REFUSALS["lease-ended"].error()
    return replace(stored, lease_s=stored.lease_ends_at - at)
