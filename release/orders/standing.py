"""What stands: the owner's documents as the last orders left them, and how many orders there were."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import Misconfigured
from contract.approvals import Approvals, parse_approvals
from contract.licence_templates import Template, parse_templates
from contract.orders import Type, parse_epoch

from ..store.schema import CURRENT, documents, orders

APPROVALS: Final = "approvals"
TEMPLATE: Final = "template"
EPOCH: Final = "epoch"
_LIST: Final = select(documents.c.body).where(documents.c.kind == APPROVALS, documents.c.name == CURRENT)
"""The list of keys: its lock is the turn of whoever orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A document that stands: its body, and the SHA-256 of it."""

    digest: Digest
    body: bytes = field(repr=False)


def standing(connection: Connection, kind: str) -> Standing | None:
    """The document of that kind; None where no order has given one."""
    found = connection.execute(
        select(documents.c.digest, documents.c.body).where(
            documents.c.kind == kind, documents.c.name == CURRENT
        )
    ).one_or_none()
    return None if found is None else Standing(digest=parse_digest(found.digest), body=found.body)


def replace_standing(connection: Connection, kind: str, body: bytes) -> None:
    """The body stands, whatever stood before."""
    digest = digest_of(body)
    done = connection.execute(
        update(documents)
        .where(documents.c.kind == kind, documents.c.name == CURRENT)
        .values(digest=digest, body=body)
    )
    if not done.rowcount:
        connection.execute(insert(documents).values(kind=kind, name=CURRENT, digest=digest, body=body))


def approvals_of(connection: Connection, *, in_turn: bool = False) -> Approvals:
    """The owner's keys. `in_turn`: nobody else orders anything until this transaction has ended.

    Raises:
        Misconfigured: there are none: `symbolon broker init` has not ended.
    """
    body = connection.execute(_LIST.with_for_update() if in_turn else _LIST).scalar_one_or_none()
    if body is None:
        raise Misconfigured(
            "the broker has no list of the owner's keys", hint="make it: `symbolon broker init --owner-key F`"
        )
    return parse_approvals(body)


def wait_for_orders(connection: Connection) -> None:
    """No order is under way, and none is applied until this transaction has ended."""
    connection.execute(_LIST.with_for_update())


def templates_of(connection: Connection) -> tuple[Template, ...]:
    """The licence templates; none where no order has given any."""
    found = standing(connection, TEMPLATE)
    return () if found is None else parse_templates(found.body)


def epoch_of(connection: Connection) -> int:
    """The epoch's number, 0 from the beginning."""
    found = standing(connection, EPOCH)
    return 0 if found is None else parse_epoch(found.body).number


def next_sequence(connection: Connection, type_: Type) -> int:
    """What the next order of that type has to be numbered."""
    last = connection.execute(select(func.max(orders.c.sequence)).where(orders.c.kind == type_)).scalar_one()
    return int(last or 0) + 1
