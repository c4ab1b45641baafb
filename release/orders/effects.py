"""What each type of order does, in the transaction that has found it in turn and signed by enough keys.

A licence or a model's key is a row of its own; all else is a document that replaces the one that stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Row, insert, select, update

from attestation.digests import Digest, digest_of
from attestation.errors import SymbolonError
from attestation.strict_json import parse_json_object
from contract.approvals import parse_approvals
from contract.dsse import PublicKey
from contract.licence import Licence, open_licence, unsafe_read_licence
from contract.licence_templates import parse_templates, template_of
from contract.orders import BY_ONE, OrderDocument, Type, parse_epoch, parse_master_key, parse_revocation
from contract.release_refusals import REFUSALS
from policy.provider import parse_provider

from ..broker import Broker
from ..log.proving import root_at
from ..restored import is_ordered_after
from ..store.schema import MOST, leases, licences, log_head
from .handing_over import HandedOver, Overtaken, keep
from .reading import read_body
from .standing import approvals_of, epoch_of, replace_standing, standing, templates_of

MOST_POLICY_BYTES = 64 << 10

_OUT_OF_TURN: Final = REFUSALS["order-out-of-turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What is written of the order in the log, and the secret that opens it there: a licence's, or None for
    the broker's."""

    said: dict[str, str]
    secret: bytes | None = field(default=None, repr=False)


def old_of(connection: Connection, document: OrderDocument) -> Digest | None:
    """The digest of what stands and this order would replace; None where nothing does.

    Raises:
        BrokerRefused: `request-malformed`: the order's body is none of its type.
    """
    type_, body = document.order.type, document.body
    if type_ == "model":
        return None
    if type_ in BY_ONE:
        licence = (
            read_body(parse_revocation, body)
            if type_ == "revoke"
            else read_body(unsafe_read_licence, body).id
        )
        row = _licence_row(connection, licence)
        return None if row is None else digest_of(row.envelope)
    found = standing(connection, type_)
    return None if found is None else found.digest


def needed(connection: Connection, document: OrderDocument, *, threshold: int, now: int) -> int:
    """How many keys have to sign it."""
    type_ = document.order.type
    if type_ in ("revoke", "model"):
        return 1
    if type_ == "licence":
        licence = read_body(unsafe_read_licence, document.body)
        return 1 if template_of(licence, templates_of(connection), now=now) else threshold
    return threshold


def take_effect(
    broker: Broker,
    connection: Connection,
    document: OrderDocument,
    *,
    handed: HandedOver | None,
    now: int,
) -> Effect:
    """What the order says is so. `handed` is the model's key, where it is the order of one.

    Raises:
        BrokerRefused: `request-malformed`: the body is none of its type; `order-rejected`: none of the list
            signs the licence; `order-out-of-turn`: it does not follow on what stands.
        Overtaken: the model's key has to be wrapped anew first.
    """
    type_, body = document.order.type, document.body
    if type_ == "licence":
        return _sell(connection, body, now)
    if type_ == "revoke":
        return _revoke(connection, read_body(parse_revocation, body), now)
    if type_ == "model":
        return _take_in(broker, connection, handed)
    if type_ == "epoch":
        _begin(connection, body, now)
    else:
        read_body(_READERS[type_], body)
    replace_standing(connection, type_, body)
    return Effect(said={})


def secret_of(connection: Connection, document: OrderDocument) -> bytes | None:
    """What opens the log's entry of an order that took effect: a licence's secret, None for the broker's."""
    if document.order.type == "licence":
        return unsafe_read_licence(document.body).secret
    if document.order.type == "revoke":
        row = _licence_row(connection, parse_revocation(document.body))
        return None if row is None else unsafe_read_licence(row.envelope).secret
    return None


def _policy(body: bytes) -> None:
    if len(body) > MOST_POLICY_BYTES:
        raise REFUSALS["request-malformed"].error(f"the policy is larger than {MOST_POLICY_BYTES} bytes")
    parse_provider(parse_json_object(body, what="policy"))


_READERS: Final[dict[Type, Callable[[bytes], object]]] = {
    "policy": _policy,
    "template": parse_templates,
    "approvals": parse_approvals,
    "master-key": parse_master_key,
}


def _sell(connection: Connection, body: bytes, now: int) -> Effect:
    licence = _signed(body, approvals_of(connection).keys)
    row = _licence_row(connection, licence.id)
    following = 1 if row is None else row.serial + 1
    if licence.serial != following:
        raise _OUT_OF_TURN.error(f"the licence's serial is {licence.serial}, and the next is {following}")
    values = {"serial": licence.serial, "envelope": body, "revoked_at": None}
    if row is None:
        connection.execute(insert(licences).values(id=licence.id, runs_used=0, pictures_used=0, **values))
    else:
        connection.execute(update(licences).where(licences.c.id == licence.id).values(**values))
    return _of(licence)


def _signed(body: bytes, keys: tuple[PublicKey, ...]) -> Licence:
    try:
        return open_licence(body, signed_by=keys)
    except SymbolonError as refused:
        raise REFUSALS["order-rejected"].error(refused.message) from None


def _revoke(connection: Connection, licence: str, now: int) -> Effect:
    row = _licence_row(connection, licence)
    if row is None:
        raise REFUSALS["licence-unknown"].error()
    if row.revoked_at is None:
        connection.execute(update(licences).where(licences.c.id == licence).values(revoked_at=now))
    return _of(unsafe_read_licence(row.envelope))


def _take_in(broker: Broker, connection: Connection, handed: HandedOver | None) -> Effect:
    if handed is None:
        raise Overtaken
    keep(broker, connection, handed)
    model = handed.model
    return Effect(
        said={"manifest": model.manifest, "model": model.model_id, "version": str(model.version)},
    )


def _begin(connection: Connection, body: bytes, now: int) -> None:
    """Nothing that was sold before is worth anything until the owner renews it: what was counted, and what
    was revoked, since the copy that was restored, nobody knows."""
    epoch = read_body(parse_epoch, body)
    # Locked before the log is looked at: whoever releases locks a licence first, and writes the log then.
    sold = connection.execute(select(licences).with_for_update()).all()
    size = connection.execute(select(log_head.c.size)).scalar_one()
    root = f"sha256:{root_at(connection, size).hex()}"
    following = epoch_of(connection) + 1
    if (epoch.number, epoch.size, epoch.root) != (following, size, root):
        raise _OUT_OF_TURN.error(
            f"the epoch is not the next, {following}, or does not begin at the log's end, {size}"
        )
    if not is_ordered_after(connection, epoch.restored):
        raise _OUT_OF_TURN.error(
            "the epoch was ordered after another restore: of what this one has lost it says nothing",
            "the owner orders an epoch anew: `symbolon owner order epoch`",
        )
    for row in sold:
        licence = unsafe_read_licence(row.envelope)
        connection.execute(
            update(licences)
            .where(licences.c.id == row.id)
            .values(
                revoked_at=now if row.revoked_at is None else row.revoked_at,
                runs_used=max(row.runs_used, min(licence.runs or 0, MOST)),
                pictures_used=max(row.pictures_used, min(licence.pictures or 0, MOST)),
            )
        )
    connection.execute(update(leases).where(leases.c.ended_at.is_(None)).values(ended_at=now))


def _licence_row(connection: Connection, licence: str) -> Row[tuple[object, ...]] | None:
    found = connection.execute(select(licences).where(licences.c.id == licence).with_for_update())
    return found.one_or_none()


def _of(licence: Licence) -> Effect:
    return Effect(said={"licence": licence.id, "serial": str(licence.serial)}, secret=licence.secret)
