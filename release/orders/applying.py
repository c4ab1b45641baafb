"""An order is applied: signed by the owner's keys, in turn, by enough of them, done, and logged, at once.

    parsed → for this broker → applied before? → signed by none but the owner's keys
    → of this epoch, the next of its type, for what stands → signed by enough
    → done → the log has it → committed → checkpoint → answered

One order at a time: each takes the lock of the list of keys first. Before that an owner's signature is looked
for, so that a stranger locks nothing, and a model's key is wrapped, so that nobody waits for the master key
(`handing_over`). The same order sent again is answered again, and does nothing; its signatures are not looked
at then, since it may have changed who signs.

The answer has the proof that the log has the order, where a checkpoint can be signed at that moment. A
witness that does not answer keeps keys in, and no order out: to revoke must always be possible.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, insert, select

from attestation.digests import digest_of
from attestation.errors import SymbolonError
from contract.approvals import Approvals
from contract.canonical import decimal
from contract.cosigned import SignatureRejected, signers
from contract.dsse import PublicKey
from contract.orders import OrderDocument, parse_document
from contract.owner_asks import sign_answer
from contract.release_log import (
    SALT_BYTES,
    Opening,
    find_opening,
    logged_members,
    make_entry,
    parse_entry,
    render_entry,
    render_opening,
)
from contract.release_refusals import REFUSALS, BrokerRefused

from ..broker import Broker
from ..log.appending import append
from ..store.engine import reading, writing
from ..store.schema import log_entries, orders
from .effects import Effect, needed, old_of, secret_of, take_effect
from .handing_over import HandedOver, Overtaken, wrap_handed_over
from .standing import approvals_of, epoch_of, next_sequence

_MOST_LOOKS: Final = 5
"""So often a model's key is wrapped anew because the master key was rotated meanwhile."""
_ALWAYS: Final = ("epoch", "revoke")
"""What a broker takes that is not ready: what makes it so, and what takes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """An order that was applied: its place in the log, its entry, and what that is about, if it is known."""

    index: int
    applied_at: int
    entry: bytes
    opening: bytes | None = field(repr=False)


def apply(broker: Broker, document: bytes, now: float) -> bytes:
    """The order is done and in the log; the answer, signed by the broker, says where.

    Raises:
        BrokerRefused: it is not for this broker, not the next, not for what stands, not signed by enough
            keys, its body is none, or its log has to be made whole first; nothing was changed.
        Unavailable: the master key, which has to wrap a model's, does not answer.
    """
    at = int(now)
    try:
        read = parse_document(document)
    except SymbolonError as malformed:
        raise REFUSALS["request-malformed"].error(malformed.message, malformed.hint) from None
    if read.order.broker != broker.digest:
        raise REFUSALS["request-of-another-broker"].error(
            "the order is for another broker", "make it anew for this one"
        )
    if read.order.type not in _ALWAYS:
        broker.log.check_ready()
    for _ in range(_MOST_LOOKS):
        handed = _looked_at(broker, read)
        with suppress(Overtaken), writing(broker.engine) as connection:
            approvals = approvals_of(connection, in_turn=True)
            done = _done_before(broker, connection, read) or _apply(
                broker, connection, document, read, approvals, handed, at
            )
            break
    else:
        raise REFUSALS["broker-not-ready"].error("the master key is being rotated", "send the order again")
    said = {**_said(read, done), "logged": _logged(broker, done)}
    return sign_answer(said, to=document, at=at, identity=broker.identity)


def _looked_at(broker: Broker, read: OrderDocument) -> HandedOver | None:
    """The model's key, wrapped, where the order is one of a model's that would be done; None where it is not.

    Whoever signs is looked at here already, so that nobody but the owner takes the writer's turn, or has the
    master key asked. What decides is looked at again in that turn.

    Raises:
        BrokerRefused, Denied, Unavailable: as `apply`.
    """
    with reading(broker.engine) as connection:
        if _done_before(broker, connection, read) is not None:
            return None
        _signers(read, approvals_of(connection).keys)
        if read.order.type != "model":
            return None
        _check_turn(connection, read)
    return wrap_handed_over(broker, read.body)


def _apply(
    broker: Broker,
    connection: Connection,
    document: bytes,
    read: OrderDocument,
    approvals: Approvals,
    handed: HandedOver | None,
    now: int,
) -> _Done:
    order = read.order
    found = _signers(read, approvals.keys)
    _check_turn(connection, read)
    need = needed(connection, read, threshold=approvals.threshold, now=now)
    if len(found) < need:
        raise REFUSALS["order-rejected"].error(
            f"{len(found)} of the owner's keys sign the order, which needs {need}"
        )
    effect = take_effect(broker, connection, read, handed=handed, now=now)
    opening = _opening(read, found, effect, now)
    entry = render_entry(make_entry(opening, effect.secret or broker.log_secret))
    index = append(connection, entry)
    connection.execute(
        insert(orders).values(
            kind=order.type,
            sequence=order.sequence,
            digest=digest_of(read.signed.payload),
            document=document,
            applied_at=now,
            entry_index=index,
        )
    )
    return _Done(index=index, applied_at=now, entry=entry, opening=render_opening(opening))


def _logged(broker: Broker, done: _Done) -> dict[str, object] | None:
    """The proof that the log has it; None where nothing can be signed just now."""
    if done.opening is None:
        return None
    try:
        logged = broker.log.logged(done.index, entry=done.entry, opening=done.opening)
    except BrokerRefused:
        return None
    return logged_members(logged)


def _done_before(broker: Broker, connection: Connection, read: OrderDocument) -> _Done | None:
    row = connection.execute(
        select(orders, log_entries.c.leaf)
        .join(log_entries, orders.c.entry_index == log_entries.c.position)
        .where(orders.c.digest == digest_of(read.signed.payload))
    ).one_or_none()
    if row is None:
        return None
    secret = secret_of(connection, read) or broker.log_secret
    opening = find_opening(parse_entry(row.leaf), secret)  # None where a licence has another secret by now
    return _Done(
        index=row.entry_index,
        applied_at=row.applied_at,
        entry=row.leaf,
        opening=None if opening is None else render_opening(opening),
    )


def _said(read: OrderDocument, done: _Done) -> dict[str, object]:
    return {
        "type": read.order.type,
        "sequence": read.order.sequence,
        "new": read.order.new,
        "index": decimal(done.index),
        "applied_at": decimal(done.applied_at),
    }


def _check_turn(connection: Connection, read: OrderDocument) -> None:
    order, out_of_turn = read.order, REFUSALS["order-out-of-turn"]
    if order.epoch != (epoch := epoch_of(connection)):
        raise out_of_turn.error(f"the order is of epoch {order.epoch}, and the broker's is {epoch}")
    if order.sequence != (following := next_sequence(connection, order.type)):
        raise out_of_turn.error(
            f"the order is number {order.sequence} of its type, `{order.type}`, and the next is {following}"
        )
    if order.old != (stands := old_of(connection, read)):
        raise out_of_turn.error(
            f"the order would replace {_named(order.old)}, and what stands is {_named(stands)}"
        )


def _named(digest: str | None) -> str:
    return "nothing" if digest is None else f"`{digest}`"


def _signers(read: OrderDocument, keys: tuple[PublicKey, ...]) -> tuple[PublicKey, ...]:
    """Those of the owner's keys that sign it: one at least, so that nobody else is told what stands.

    Raises:
        BrokerRefused: `order-rejected`: none does, or somebody else signs it too.
    """
    try:
        found = signers(read.signed, keys)
    except SignatureRejected as rejected:
        raise REFUSALS["order-rejected"].error(rejected.message, rejected.hint) from None
    if not found:
        raise REFUSALS["order-rejected"].error("none of the owner's keys signs the order")
    return found


def _opening(read: OrderDocument, found: tuple[PublicKey, ...], effect: Effect, now: int) -> Opening:
    """What the log's entry is about: what changed from what to what, and whose keys said so."""
    order = read.order
    said = {
        "type": order.type,
        "sequence": str(order.sequence),
        "epoch": str(order.epoch),
        "old": order.old or "",
        "new": order.new,
        "order": digest_of(read.signed.payload),
        "signed_by": " ".join(sorted(each.key_id for each in found)),
        **effect.said,
    }
    return Opening(kind="order", at=now, said=said, salt=os.urandom(SALT_BYTES))
