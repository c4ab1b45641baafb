"""An owner's query is answered: what stands, and what became of the licences. Nothing is changed."""

from __future__ import annotations

import base64
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from attestation.errors import SymbolonError
from contract.canonical import decimal
from contract.orders import TYPES
from contract.owner_asks import QUERY_S, Query, open_query, sign_answer
from contract.release_refusals import REFUSALS

from ..broker import Broker
from ..log.proving import root_at
from ..restored import restored_as
from ..store.engine import reading
from ..store.schema import leases, licences, log_head, models
from .standing import approvals_of, epoch_of, next_sequence, standing

_DOCUMENTS: Final = ("policy", "template", "approvals", "master-key", "epoch")
_MOST_A_PAGE = 50
_MOST_PAGE_CHARACTERS = 100_000
_MOST_LEASES = 50
_MOST_MODELS_A_PAGE = 1_000


def answer_query(broker: Broker, document: bytes, now: float) -> bytes:
    """The answer, signed by the broker.

    Raises:
        BrokerRefused: it is not for this broker, too old or too early, or none of the owner's keys signs it.
    """
    with reading(broker.engine) as connection:
        query = _opened(broker, connection, document, now)
        said = _ANSWERS[query.ask](broker, connection, query, int(now))
    return sign_answer(said, to=document, at=int(now), identity=broker.identity)


def _opened(broker: Broker, connection: Connection, document: bytes, now: float) -> Query:
    try:
        query = open_query(document, signed_by=approvals_of(connection).keys)
    except SymbolonError as refused:
        raise REFUSALS["order-rejected"].error(
            refused.message, "sign with a key of the broker's list: --key FILE"
        ) from None
    if query.broker != broker.digest:
        raise REFUSALS["request-of-another-broker"].error("the query is for another broker")
    if abs(now - query.at) > QUERY_S:
        raise REFUSALS["order-rejected"].error(
            f"the query is {int(now) - query.at} s old by the broker's clock, and may be {QUERY_S}",
            "check the clocks of both machines, and ask again",
        )
    return query


def _state(broker: Broker, connection: Connection, query: Query, now: int) -> dict[str, object]:
    size = connection.execute(select(log_head.c.size)).scalar_one()
    found = {kind: standing(connection, kind) for kind in _DOCUMENTS}
    return {
        "epoch": epoch_of(connection),
        "documents": {
            kind: {"digest": each.digest, "body": base64.b64encode(each.body).decode()}
            for kind, each in found.items()
            if each is not None
        },
        "next": {type_: next_sequence(connection, type_) for type_ in TYPES},
        "log_secret": broker.log_secret.hex(),
        "intake": broker.intake.public_key().public_bytes_raw().hex(),
        "restored": restored_as(connection),
        "log": {"size": decimal(size), "root": f"sha256:{root_at(connection, size).hex()}"},
    }


def _models(broker: Broker, connection: Connection, query: Query, now: int) -> dict[str, object]:
    manifest = models.c.manifest
    following = select(manifest).where(manifest > f"sha256:{query.about}").order_by(manifest)
    found = connection.execute(following.limit(_MOST_MODELS_A_PAGE + 1)).scalars().all()
    return {"models": found[:_MOST_MODELS_A_PAGE], "more": len(found) > _MOST_MODELS_A_PAGE}


def _licences(broker: Broker, connection: Connection, query: Query, now: int) -> dict[str, object]:
    rows = connection.execute(
        select(licences).where(licences.c.id > query.about).order_by(licences.c.id).limit(_MOST_A_PAGE + 1)
    ).all()
    page: list[dict[str, object]] = []
    characters = 0
    for row in rows[:_MOST_A_PAGE]:
        characters += len(row.envelope)
        if page and characters > _MOST_PAGE_CHARACTERS:
            break
        page.append(_counted(connection, row, now))
    return {"licences": page, "more": len(page) < len(rows)}


def _licence(broker: Broker, connection: Connection, query: Query, now: int) -> dict[str, object]:
    row = connection.execute(select(licences).where(licences.c.id == query.about)).one_or_none()
    if row is None:
        raise REFUSALS["licence-unknown"].error(
            f"the broker has no licence `{query.about}`", "list them: `symbolon owner licence list`"
        )
    latest = (
        select(leases)
        .where(leases.c.licence == row.id)
        .order_by(leases.c.begun_at.desc(), leases.c.id)
        .limit(_MOST_LEASES)
    )
    listed = [_lease(each) for each in connection.execute(latest).all()]
    return {"licence": _counted(connection, row, now), "leases": listed}


_ANSWERS: Final = {"state": _state, "models": _models, "licences": _licences, "licence": _licence}


def _counted(connection: Connection, row: Row[Any], now: int) -> dict[str, object]:
    """A licence as the owner signed it, and what became of it."""
    running = connection.execute(
        select(func.count())
        .select_from(leases)
        .where(leases.c.licence == row.id, leases.c.ends_at > now, leases.c.ended_at.is_(None))
    ).scalar_one()
    return {
        "envelope": row.envelope.decode(),
        "revoked_at": None if row.revoked_at is None else decimal(row.revoked_at),
        "runs_used": decimal(row.runs_used),
        "pictures_used": decimal(row.pictures_used),
        "running": running,
    }


def _lease(row: Row[Any]) -> dict[str, object]:
    return {
        "lease": row.id,
        "machine": row.machine,
        "image": row.image,
        "begun_at": decimal(row.begun_at),
        "ends_at": decimal(row.ends_at),
        "pictures": decimal(row.pictures),
        "returned": None if row.returned is None else decimal(row.returned),
        "ended_at": None if row.ended_at is None else decimal(row.ended_at),
    }
