"""A challenge is given, and for it, once, a model's key: released or renewed, counted and logged first.

A call is looked at twice. First without a lock: token, policy and licence, and the key is sealed, so that
whoever is refused costs nothing and no lock waits for a master key. Then in **one transaction**:

    challenge used → policy still the same → licence counted → lease → log entry → answer stored

INVARIANT: all of it, or nothing, and no answer leaves before its commit has returned. What was committed and
never arrived is asked for again with the same call: the stored answer goes out, and nothing is counted.

Afterwards a checkpoint that covers the entry is signed (`Broker.log`), and only then there is an answer.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, delete, insert, select, update

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable
from contract.release import (
    CHALLENGE_S,
    REPEATED_S,
    Challenge,
    MessageMalformed,
    MessageVersionUnknown,
    Release,
    ReleaseRequest,
    audience_of,
    nonce_of,
    parse_call,
    parse_release,
    parse_request,
    render_challenge,
    render_release,
    request_digest,
    seal_key,
)
from contract.release_log import SALT_BYTES, Logged, Opening, make_entry, render_entry, render_opening
from contract.release_refusals import REFUSALS

from . import licensing
from .broker import Broker, model_context
from .log.appending import append
from .store import schema
from .store.engine import reading, writing
from .verifying import Admitted, admit, verify

_Row: TypeAlias = "Row[*tuple[Any, ...]]"
_FORGOTTEN_S = CHALLENGE_S + REPEATED_S
"""A challenge that ended so long ago answers nothing any more, and its row is deleted."""
_POLICY_CHANGES = 3
"""A call is looked at again so often when the policy changes under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A call taken apart."""

    request: ReleaseRequest
    text: bytes
    digest: Digest
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What was found without a lock: who asks, under which policy, and the key sealed to the request."""

    machine: Admitted
    policy: Digest | None
    model: licensing.Model
    sealed: bytes | None


class _PolicyChanged(Exception):
    """The policy that was asked is not the one that stands."""


def issue_challenge(broker: Broker, now: float) -> bytes:
    """A challenge that nobody had before, as `contract.release.render_challenge` writes it.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    at = int(now)
    challenge = Challenge(challenge=secrets.token_hex(32), ends_at=at + CHALLENGE_S)
    challenges = schema.challenges
    with writing(broker.engine) as connection:
        connection.execute(delete(challenges).where(challenges.c.ends_at < at - _FORGOTTEN_S))
        connection.execute(
            insert(challenges).values(
                challenge=challenge.challenge, issued_at=at, ends_at=challenge.ends_at, request=None
            )
        )
    return render_challenge(challenge)


def release(broker: Broker, call: bytes, now: float) -> bytes:
    """The answer to a call, as `contract.release.render_release` writes it: counted, logged and committed.

    Raises:
        BrokerRefused: it is refused; nothing was counted and nothing released.
    """
    asked = _read_call(broker, call)
    broker.log.check_ready()
    for _ in range(_POLICY_CHANGES):
        looked = _look(broker, asked, now)
        try:
            with writing(broker.engine) as connection:
                stored = _settle(connection, asked, looked, int(now))
        except _PolicyChanged:
            continue
        return _answer(broker, stored)
    raise REFUSALS["broker-not-ready"].error("the policy changes faster than the broker can ask it")


def _read_call(broker: Broker, data: bytes) -> _Asked:
    try:
        call = parse_call(data)
        request = parse_request(call.request)
    except (MessageMalformed, MessageVersionUnknown) as error:
        raise REFUSALS["request-malformed"].error(error.message, error.hint) from None
    if request.broker != broker.digest:
        raise REFUSALS["request-of-another-broker"].error()
    return _Asked(request=request, text=call.request, digest=request_digest(call.request), token=call.token)


def _look(broker: Broker, asked: _Asked, now: float) -> _Looked:
    """Everything that refuses, found out without a lock."""
    at, request = int(now), asked.request
    with reading(broker.engine) as connection:
        challenge = _find_challenge(connection, asked, at, locked=False)
        policy = _find_policy(connection, locked=False)
        held = licensing.find_licence(connection, request.licence, locked=False)
        model = licensing.find_model(connection, request.manifest)
    machine = verify(
        broker.tokens,
        asked.token,
        audience=audience_of(broker.digest),
        nonce=nonce_of(asked.text),
        not_before=challenge.issued_at,
        now=now,
    )
    admit(None if policy is None else policy.body, machine)
    digest = None if policy is None else policy.digest
    licensing.check_standing(held, at)
    licensing.check_holder(held.licence, machine)
    licensing.check_scope(held.licence, machine, model, digest)
    sealed = None
    if request.purpose == "release" and challenge.request is None:
        licensing.check_counts(held, request)
        sealed = _seal(broker, asked, model)
    return _Looked(machine=machine, policy=digest, model=model, sealed=sealed)


def _seal(broker: Broker, asked: _Asked, model: licensing.Model) -> bytes:
    manifest = asked.request.manifest
    try:
        key = broker.master.unwrap(model.wrapped, model_context(manifest))
    except Unavailable:
        raise REFUSALS["broker-not-ready"].error("the broker's master key does not answer") from None
    except (EvidenceRejected, Misconfigured):
        raise REFUSALS["broker-not-ready"].error(
            "the broker's master key does not open this model's", "the owner looks at the broker's master key"
        ) from None
    try:
        return seal_key(key, public_key=asked.request.public_key, request=asked.text)
    except MessageMalformed as error:
        raise REFUSALS["request-malformed"].error(error.message, error.hint) from None


def _settle(connection: Connection, asked: _Asked, looked: _Looked, at: int) -> Release:
    """The one transaction: what the call comes to, stored; or what it came to before."""
    request, machine = asked.request, looked.machine
    challenge = _find_challenge(connection, asked, at, locked=True)
    policy = _find_policy(connection, locked=True)
    if (None if policy is None else policy.digest) != looked.policy:
        raise _PolicyChanged
    held = licensing.find_licence(connection, request.licence, locked=True)
    licensing.check_standing(held, at)
    if challenge.request is not None:
        return _stored(connection, asked, machine, at)
    licence = held.licence
    holder = licensing.check_holder(licence, machine)
    licensing.check_scope(licence, machine, looked.model, looked.policy)
    ends_at = licensing.lease_end(licence, at)
    if request.purpose == "renew":
        lease, pictures = _renew(connection, asked, machine, at, ends_at)
    else:
        licensing.check_counts(held, request)
        licensing.check_at_once(connection, licence, machine, at)
        _count(connection, held, request)
        lease, pictures = _lease(connection, asked, machine, at, ends_at)
    opening = Opening(
        kind=request.purpose,
        at=at,
        said={
            "licence": licence.id,
            "serial": str(licence.serial),
            "holder": holder,
            "manifest": request.manifest,
            "image": machine.image,
            "project": machine.project,
            "instance": machine.instance,
            "request": asked.digest,
            "lease": lease,
            "purpose": request.purpose,
            "pictures": str(pictures),
            "ends_at": str(ends_at),
        },
        salt=secrets.token_bytes(SALT_BYTES),
    )
    entry = render_entry(make_entry(opening, licence.secret))
    index = append(connection, entry)
    stored = Release(
        request=asked.digest,
        lease=lease,
        lease_ends_at=ends_at,
        lease_s=ends_at - at,
        pictures=pictures,
        sealed=looked.sealed,
        logged=Logged(entry=entry, opening=render_opening(opening), index=index, checkpoint="", proof=()),
    )
    _store(connection, asked, stored, at)
    return stored


def _find_challenge(connection: Connection, asked: _Asked, at: int, *, locked: bool) -> _Row:
    """The challenge, which is this request's to use, or which it has used already."""
    challenges = schema.challenges
    wanted = select(challenges).where(challenges.c.challenge == asked.request.challenge)
    row = connection.execute(wanted.with_for_update() if locked else wanted).one_or_none()
    if row is None:
        raise REFUSALS["challenge-unknown"].error()
    if row.request not in (None, asked.digest):
        raise REFUSALS["challenge-used"].error()
    if row.request is None and at >= row.ends_at:
        raise REFUSALS["challenge-expired"].error()
    return row


def _find_policy(connection: Connection, *, locked: bool) -> _Row | None:
    """The policy that stands; `locked` so that it stands until the transaction ends."""
    documents = schema.documents
    wanted = select(documents.c.digest, documents.c.body).where(
        documents.c.kind == schema.POLICY, documents.c.name == schema.CURRENT
    )
    return connection.execute(wanted.with_for_update(read=True) if locked else wanted).one_or_none()


def _count(connection: Connection, held: licensing.Held, request: ReleaseRequest) -> None:
    """One run and the pictures are counted, where the licence still has them."""
    licences, licence = schema.licences, held.licence
    most_runs, most_pictures = licensing.bounds_of(licence)
    counted = connection.execute(
        update(licences)
        .where(
            licences.c.id == licence.id,
            licences.c.revoked_at.is_(None),
            licences.c.runs_used < most_runs,
            licences.c.pictures_used <= most_pictures - request.pictures,
        )
        .values(runs_used=licences.c.runs_used + 1, pictures_used=licences.c.pictures_used + request.pictures)
    )
    if counted.rowcount != 1:  # the lock's holder saw otherwise: never so, and never released
        raise REFUSALS["licence-used-up"].error()


def _lease(
    connection: Connection, asked: _Asked, machine: Admitted, at: int, ends_at: int
) -> tuple[str, int]:
    """A new lease, and its pictures."""
    lease, request = secrets.token_hex(16), asked.request
    connection.execute(
        insert(schema.leases).values(
            id=lease,
            licence=request.licence,
            machine=machine.machine,
            image=machine.image,
            manifest=request.manifest,
            begun_at=at,
            ends_at=ends_at,
            pictures=request.pictures,
        )
    )
    return lease, request.pictures


def _renew(
    connection: Connection, asked: _Asked, machine: Admitted, at: int, ends_at: int
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
    connection.execute(update(leases).where(leases.c.id == row.id).values(ends_at=ends_at))
    return str(row.id), int(row.pictures)


def _store(connection: Connection, asked: _Asked, stored: Release, at: int) -> None:
    challenges, request = schema.challenges, asked.request
    connection.execute(
        update(challenges).where(challenges.c.challenge == request.challenge).values(request=asked.digest)
    )
    connection.execute(
        insert(schema.releases).values(
            request=asked.digest,
            challenge=request.challenge,
            lease=stored.lease,
            purpose=request.purpose,
            released_at=at,
            answer=render_release(stored),
            entry_index=stored.logged.index,
        )
    )


def _stored(connection: Connection, asked: _Asked, machine: Admitted, at: int) -> Release:
    """What this very request came to, where it still holds."""
    releases, leases = schema.releases, schema.leases
    row = connection.execute(
        select(releases.c.released_at, releases.c.answer, leases.c.machine, leases.c.ended_at)
        .join(leases, leases.c.id == releases.c.lease)
        .where(releases.c.request == asked.digest)
    ).one_or_none()
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


def _answer(broker: Broker, stored: Release) -> bytes:
    """What leaves: the stored answer, with a checkpoint that covers its entry."""
    of = stored.logged
    return render_release(
        replace(stored, logged=broker.log.logged(of.index, entry=of.entry, opening=of.opening))
    )
