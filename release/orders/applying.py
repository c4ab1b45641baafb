"""An order is applied: found in turn, signed by enough of the owner's keys, done, and logged, at once.

    parsed → for this broker → applied before? → of this epoch, the next of its type, for what stands
    → signed by enough → done → the log has it → committed → answered

One order at a time: each takes the lock of the list of keys first. The same order sent again gets the same
answer, and does nothing; its signatures are not looked at then, since it may have changed who signs.
"""

from __future__ import annotations

import os

from sqlalchemy import Connection, insert, select

from attestation.digests import digest_of
from attestation.errors import SymbolonError
from contract.canonical import decimal
from contract.cosigned import SignatureRejected, signers
from contract.dsse import PublicKey
from contract.orders import OrderDocument, parse_document
from contract.owner_asks import sign_answer
from contract.release_log import SALT_BYTES, Opening, make_entry, render_entry
from contract.release_refusals import REFUSALS

from ..broker import Broker
from ..log.appending import append
from ..store.engine import writing
from ..store.schema import orders
from .effects import Effect, needed, old_of, take_effect
from .standing import approvals_of, epoch_of, next_sequence


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
    if read.order.type != "epoch":  # which is what a broker that is not ready may be waiting for
        broker.log.check_ready()
    with writing(broker.engine) as connection:
        said = _said_before(connection, read) or _apply(broker, connection, document, read, at)
    return sign_answer(said, to=document, at=at, identity=broker.identity)


def _apply(
    broker: Broker, connection: Connection, document: bytes, read: OrderDocument, now: int
) -> dict[str, object]:
    order = read.order
    approvals = approvals_of(connection, in_turn=True)
    _check_turn(connection, read)
    found = _signers(read, approvals.keys)
    need = needed(connection, read, threshold=approvals.threshold, now=now)
    if len(found) < need:
        raise REFUSALS["order-rejected"].error(
            f"{len(found)} of the owner's keys sign the order, which needs {need}"
        )
    effect = take_effect(broker, connection, read, now=now)
    index = append(connection, _leaf(broker, read, found, effect, now))
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
    return _said(read, index, now)


def _said_before(connection: Connection, read: OrderDocument) -> dict[str, object] | None:
    row = connection.execute(
        select(orders).where(orders.c.digest == digest_of(read.signed.payload))
    ).one_or_none()
    return None if row is None else _said(read, row.entry_index, row.applied_at)


def _said(read: OrderDocument, index: int, applied_at: int) -> dict[str, object]:
    return {
        "type": read.order.type,
        "sequence": read.order.sequence,
        "new": read.order.new,
        "index": decimal(index),
        "applied_at": decimal(applied_at),
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
    try:
        return signers(read.signed, keys)
    except SignatureRejected as rejected:
        raise REFUSALS["order-rejected"].error(rejected.message, rejected.hint) from None


def _leaf(
    broker: Broker, read: OrderDocument, found: tuple[PublicKey, ...], effect: Effect, now: int
) -> bytes:
    """The log's entry: what changed from what to what, and whose keys said so."""
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
    opening = Opening(kind="order", at=now, said=said, salt=os.urandom(SALT_BYTES))
    return render_entry(make_entry(opening, effect.secret or broker.log_secret))
