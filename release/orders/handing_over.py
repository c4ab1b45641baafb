"""A model's key is handed over: held against what stands and wrapped first, and kept in the transaction.

Cloud KMS may take a minute, and whoever writes waits for the writer before. So the master key is asked while
nothing is locked, and what it said is worth something only where the transaction finds the same row, and the
same master key at work, as it saw. Whoever rotates the master key waits for the orders that are under way
before the old one is forgotten (`release.rotating`), so no row is kept that nothing opens.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from attestation.digests import Digest
from contract.model_keys import ModelKey, open_model_key, parse_model_key
from contract.release_refusals import REFUSALS

from ..broker import Broker, model_context
from ..store.engine import reading
from ..store.schema import models
from .reading import read_body


class Overtaken(Exception):
    """What stood when the key was wrapped stands no more: it is to be looked at again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """A model whose key was open. `stands` is the row's wrapped key that it was held against; where there was
    none, `wrapped` is what is to be kept."""

    model: ModelKey
    stands: bytes | None = field(repr=False)
    is_same: bool
    wrapped: bytes | None = field(repr=False)


def wrap_handed_over(broker: Broker, body: bytes) -> HandedOver:
    """The model's key, wrapped or held against the one that stands; nothing is locked and nothing changed.

    Raises:
        BrokerRefused: `request-malformed`: it is no model's key, or sealed for another broker.
        Denied, Unavailable: the master key does not let the broker, or does not answer.
    """
    model = read_body(parse_model_key, body)
    key = read_body(lambda _: open_model_key(model, broker.intake, broker=broker.digest), body)
    context = model_context(model.manifest)
    with reading(broker.engine) as connection:
        found = _row(connection, model.manifest)
    if found is None:
        return HandedOver(model=model, stands=None, is_same=False, wrapped=broker.master.wrap(key, context))
    is_same = (found.model_id, found.version) == (model.model_id, model.version) and hmac.compare_digest(
        broker.master.unwrap(found.wrapped, context), key
    )
    return HandedOver(model=model, stands=found.wrapped, is_same=is_same, wrapped=None)


def keep(broker: Broker, connection: Connection, handed: HandedOver) -> None:
    """The broker has the key, where what was seen when it was wrapped is still so.

    Raises:
        BrokerRefused: `order-out-of-turn`: the manifest has another key.
        Overtaken: it is no longer so.
    """
    model = handed.model
    found = _row(connection, model.manifest)
    if (None if found is None else found.wrapped) != handed.stands:
        raise Overtaken
    if handed.wrapped is not None:
        if not broker.master.is_current(handed.wrapped):
            raise Overtaken
        row = {"model_id": model.model_id, "version": model.version, "wrapped": handed.wrapped}
        connection.execute(insert(models).values(manifest=model.manifest, **row))
    elif not handed.is_same:
        raise REFUSALS["order-out-of-turn"].error(
            "the broker has another key for this manifest",
            "seal the model anew: another key is another manifest",
        )


def _row(connection: Connection, manifest: Digest) -> Row[Any] | None:
    return connection.execute(select(models).where(models.c.manifest == manifest)).one_or_none()
