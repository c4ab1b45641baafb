"""The rows of a release: what each step of its one transaction reads, locks and writes.

Whoever calls has the transaction, and takes the rows in the order that `store.schema` names. `locked` is for
what is going to be changed, or may not change until the transaction ends.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from attestation.digests import Digest
from contract.release import CHALLENGE_S, REPEATED_S, Release, ReleaseRequest, parse_release, render_release
from contract.release_refusals import REFUSALS

from . import licensing
from .store import schema
from .verifying import Admitted

_FORGOTTEN_S: Final = CHALLENGE_S + REPEATED_S
"""A challenge that ended so long ago answers nothing any more, and its row is deleted."""
_FORGETS: Final = "0"
"""One challenge in sixteen ends like this, as it ends with a seal: with it, the old ones are forgotten."""
_MOST_FORGOTTEN: Final = 400
"""So many rows are deleted in one transaction at most."""

# Statements are made once: to make one costs as much as to execute it.
_USED_BY = select(schema.challenges.c.request).where(schema.challenges.c.challenge == bindparam("asked"))
_USE_CHALLENGE = {  # who uses the same one meanwhile is waited for
    dialect: statement(schema.challenges)
    .on_conflict_do_nothing(index_elements=["challenge"])
    .returning(schema.challenges.c.challenge)
    for dialect, statement in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_FORGET_CHALLENGES = delete(schema.challenges).where(
    schema.challenges.c.challenge.in_(
        select(schema.challenges.c.challenge)
        .where(schema.challenges.c.ends_at < bindparam("before"))
        .limit(_MOST_FORGOTTEN)
        .with_for_update(skip_locked=True)
    )
)
_IS_POLICY = (schema.documents.c.kind == schema.POLICY) & (schema.documents.c.name == schema.CURRENT)
_SHARED_POLICY = select(schema.documents.c.digest).where(_IS_POLICY).with_for_update(read=True)
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
_ONE = select(literal(1).label("one")).subquery()
_LOOK = select(  # everything that is looked at before anything is locked, in one question
    schema.challenges.c.request,
    schema.documents.c.digest,
    schema.documents.c.body,
    schema.licences,
    schema.models,
).select_from(
    _ONE.outerjoin(schema.challenges, schema.challenges.c.challenge == bindparam("challenge"))
    .outerjoin(schema.documents, _IS_POLICY)
    .outerjoin(schema.licences, schema.licences.c.id == bindparam("licence"))
    .outerjoin(schema.models, schema.models.c.manifest == bindparam("manifest"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call taken apart. Its challenge was given at `challenged_at`."""

    request: ReleaseRequest
    text: bytes
    digest: Digest
    token: str
    challenged_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands for a call, as long as nobody changes it: nothing of it is locked.

    `is_repeated`: this very request has used its challenge. Digest and text of the policy, if there is one.
    """

    is_repeated: bool
    policy: Digest | None
    policy_body: bytes | None
    held: licensing.Held
    model: licensing.Model


def look(connection: Connection, asked: Asked) -> Found:
    """What stands for the call.

    Raises:
        BrokerRefused: `challenge-used` by another request, `licence-unknown`, `model-unknown`.
    """
    request = asked.request
    row = connection.execute(
        _LOOK,
        {"challenge": request.challenge, "licence": request.licence, "manifest": request.manifest},
    ).one()
    _check_used_by(row.request, asked)
    if row.id is None:
        raise REFUSALS["licence-unknown"].error()
    held = licensing.licence_in(row)
    if row.model_id is None:
        raise REFUSALS["model-unknown"].error()
    return Found(
        is_repeated=row.request is not None,
        policy=row.digest,
        policy_body=row.body,
        held=held,
        model=licensing.Model(model_id=row.model_id, version=row.version, wrapped=row.wrapped),
    )


def _check_used_by(request: Digest | None, asked: Asked) -> None:
    """Nobody has used the challenge, or this very request."""
    if request not in (None, asked.digest):
        raise REFUSALS["challenge-used"].error()


def use_challenge(connection: Connection, asked: Asked) -> bool:
    """The challenge is this request's, once the transaction is committed. Whether it was not before.

    Now and then those that ended long ago are forgotten, but for rows that another transaction forgets at
    this moment.

    Raises:
        BrokerRefused: `challenge-used`: another request has it.
    """
    ends_at = asked.challenged_at + CHALLENGE_S
    row = {
        "challenge": asked.request.challenge,
        "issued_at": asked.challenged_at,
        "ends_at": ends_at,
        "request": asked.digest,
    }
    used = connection.execute(_USE_CHALLENGE[connection.dialect.name], row).one_or_none()
    if used is None:
        _check_used_by(
            connection.execute(_USED_BY, {"asked": asked.request.challenge}).scalar_one_or_none(), asked
        )
        return False
    if asked.request.challenge.endswith(_FORGETS):
        connection.execute(_FORGET_CHALLENGES, {"before": asked.challenged_at - _FORGOTTEN_S})
    return True


def lock_policy(connection: Connection) -> Digest | None:
    """The digest of the policy that stands, until the transaction ends."""
    policy: Digest | None = connection.execute(_SHARED_POLICY).scalar_one_or_none()
    return policy


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
    """The answer stands, to be given again to this very request."""
    request = asked.request
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
