"""A challenge is given, and for it, once, a model's key: released or renewed, counted and logged first.

A call is looked at twice. First without a lock: token, policy and licence, and the key is sealed, so that
whoever is refused costs nothing and no lock waits for a master key. Then in **one transaction**:

    challenge used → policy still the same → licence counted → lease → log entry → answer stored

The clock is read when the licence's lock is had: whoever waited for it long is judged by the time that it is.

INVARIANT: all of it, or nothing, and no answer leaves before its commit has returned. What was committed and
never arrived is asked for again with the same call: the stored answer goes out, and nothing is counted.

Afterwards a checkpoint that covers the entry is signed (`Broker.log`), and only then there is an answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from sqlalchemy import Connection

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable
from contract.release import (
    MessageMalformed,
    MessageVersionUnknown,
    Release,
    audience_of,
    nonce_of,
    parse_call,
    parse_request,
    render_challenge,
    render_release,
    request_digest,
    seal_key,
)
from contract.release_log import SALT_BYTES, Logged, Opening, make_entry, render_entry, render_opening
from contract.release_refusals import REFUSALS

from . import challenges, ledger, licensing
from .broker import Broker, model_context
from .ledger import Asked
from .log.appending import append
from .store.engine import reading, writing
from .verifying import Admitted, admit, verify

Note: TypeAlias = Callable[[Mapping[str, str]], None]
_LOOKS = 3
"""A call is looked at so often, where the policy changes meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What was found without a lock: who asks, under which policy, and the key sealed to the request."""

    machine: Admitted
    policy: Digest | None
    model: licensing.Model
    sealed: bytes | None


class _LookAgain(Exception):
    """The policy or the licence changed after it was looked at."""


def issue_challenge(broker: Broker, now: float) -> bytes:
    """A challenge that nobody had before, as `contract.release.render_challenge` writes it; no row has it."""
    return render_challenge(challenges.make_challenge(broker.challenge_key, int(now)))


def release(
    broker: Broker,
    call: bytes,
    clock: Callable[[], float],
    note: Note = lambda _: None,
) -> bytes:
    """The answer to a call, as `contract.release.render_release` writes it: counted, logged and committed.

    `clock` is seconds since the epoch; `note` is told what the call is named in the broker's log, once it can
    be read: the digest of the request, its licence and its purpose.

    Raises:
        BrokerRefused: it is refused; nothing was counted and nothing released.
    """
    asked = _read_call(broker, call, note)
    broker.log.check_ready()
    for _ in range(_LOOKS):
        looked = _look(broker, asked, clock())
        try:
            with writing(broker.engine) as connection:
                stored = _settle(connection, asked, looked, clock)
        except _LookAgain:
            continue
        return _answer(broker, stored)
    raise REFUSALS["broker-not-ready"].error("the policy changes faster than the broker can ask it")


def _read_call(broker: Broker, data: bytes, note: Note) -> Asked:
    try:
        call = parse_call(data)
        request = parse_request(call.request)
    except (MessageMalformed, MessageVersionUnknown) as error:
        raise REFUSALS["request-malformed"].error(error.message, error.hint) from None
    digest = request_digest(call.request)
    note({"request": digest, "licence": request.licence, "purpose": request.purpose})
    if request.broker != broker.digest:
        raise REFUSALS["request-of-another-broker"].error()
    return Asked(
        request=request,
        text=call.request,
        digest=digest,
        token=call.token,
        challenged_at=challenges.read_challenge(broker.challenge_key, request.challenge),
    )


def _look(broker: Broker, asked: Asked, now: float) -> _Looked:
    """Everything that refuses, found out without a lock."""
    at, request = int(now), asked.request
    with reading(broker.engine) as connection:
        found = ledger.look(connection, asked)
    held, model = found.held, found.model
    if not found.is_repeated:
        challenges.check_open(asked.challenged_at, at)
    machine = verify(
        broker.tokens,
        asked.token,
        audience=audience_of(broker.digest),
        nonce=nonce_of(asked.text),
        not_before=asked.challenged_at,
        now=now,
    )
    admit(found.policy_body, machine)
    licensing.check_holder(held.licence, machine)  # first: a stranger learns nothing of the licence
    licensing.check_standing(held, at)
    licensing.check_scope(held.licence, machine, model, found.policy)
    sealed = None
    if request.purpose == "release" and not found.is_repeated:
        licensing.check_counts(held, request)
        sealed = _seal(broker, asked, model)
    return _Looked(machine=machine, policy=found.policy, model=model, sealed=sealed)


def _seal(broker: Broker, asked: Asked, model: licensing.Model) -> bytes:
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


def _settle(connection: Connection, asked: Asked, looked: _Looked, clock: Callable[[], float]) -> Release:
    """The one transaction: what the call comes to, stored; or what it came to before."""
    request, machine = asked.request, looked.machine
    is_new = ledger.use_challenge(connection, asked)
    if ledger.lock_policy(connection) != looked.policy:
        raise _LookAgain
    held = licensing.lock_licence(connection, request.licence)
    at = int(clock())
    holder = licensing.check_holder(held.licence, machine)
    licensing.check_standing(held, at)
    if not is_new:
        return ledger.find_stored(connection, asked, machine, at)
    challenges.check_open(asked.challenged_at, at)
    if request.purpose == "release" and looked.sealed is None:
        raise _LookAgain
    licence = held.licence
    licensing.check_scope(licence, machine, looked.model, looked.policy)
    ends_at = licensing.lease_end(licence, at)
    if request.purpose == "renew":
        lease, pictures = ledger.renew_lease(connection, asked, machine, at, ends_at)
    else:
        licensing.check_counts(held, request)
        licensing.check_at_once(connection, licence, machine, at)
        ledger.count(connection, held, request)
        lease, pictures = ledger.give_lease(connection, asked, machine, at, ends_at)
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
    ledger.store(connection, asked, stored, at)
    return stored


def _answer(broker: Broker, stored: Release) -> bytes:
    """What leaves: the stored answer, with a checkpoint that covers its entry."""
    of = stored.logged
    return render_release(
        replace(stored, logged=broker.log.logged(of.index, entry=of.entry, opening=of.opening))
    )
