"""A broker whose owner has three keys, two of which approve; its databases are as of `tests/release`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Engine, select

from attestation.digests import Digest, digest_of
from contract.approvals import make_approvals, render_approvals
from contract.dsse import PrivateKey, public_key_of
from contract.licence import Licence, sign_licence
from contract.orders import Order, OrderDocument, Type, make_document, render_document, sign_document
from contract.owner_asks import Query, open_answer, sign_query
from contract.release_log import Opening, find_opening, parse_entry
from release.broker import Broker
from release.orders.applying import apply
from release.orders.querying import answer_query
from release.orders.standing import APPROVALS, replace_standing
from release.store.engine import reading, writing
from release.store.schema import licences, log_entries, models
from tests.orders import FIRST, NOW, SECOND, THIRD, licence
from tests.release.brokers import make_broker, policy_text

KEYS = (FIRST, SECOND, THIRD)


@dataclass
class Owner:
    """An owner and their broker. An order is made for what stands, unless a test says otherwise."""

    broker: Broker
    now: int = NOW
    asked: int = field(default=0)

    def ask(
        self, ask: Any, about: str = "", *, key: PrivateKey = FIRST, at: int | None = None
    ) -> dict[str, Any]:
        self.asked += 1
        query = Query(
            broker=self.broker.digest,
            ask=ask,
            about=about,
            at=self.now if at is None else at,
            nonce=f"{self.asked:032x}",
        )
        sent = sign_query(query, key)
        answer = answer_query(self.broker, sent, self.now)
        return open_answer(answer, to=sent, broker=public_key_of(self.broker.identity))

    def make(
        self, type_: Type, body: bytes, *keys: PrivateKey, old: Digest | None = None, **changes: Any
    ) -> bytes:
        state = self.ask("state")
        order = Order(
            broker=self.broker.digest,
            epoch=state["epoch"],
            type=type_,
            old=old or state["documents"].get(type_, {}).get("digest"),
            new=digest_of(body),
            sequence=state["next"][type_],
            at=self.now,
        )
        document: OrderDocument = make_document(replace(order, **changes), body)
        for key in keys:
            document = sign_document(document, key)
        return render_document(document)

    def send(self, document: bytes) -> dict[str, Any]:
        answer = apply(self.broker, document, self.now)
        return open_answer(answer, to=document, broker=public_key_of(self.broker.identity))

    def order(self, type_: Type, body: bytes, *keys: PrivateKey, **changes: Any) -> dict[str, Any]:
        return self.send(self.make(type_, body, *keys, **changes))

    def sell(self, sold: Licence, *keys: PrivateKey, old: Digest | None = None) -> bytes:
        envelope = sign_licence(sold, FIRST)
        self.order("licence", envelope, *(keys or (FIRST, SECOND)), old=old)
        return envelope

    def row(self, id_: str) -> Any:
        with reading(self.broker.engine) as connection:
            return connection.execute(select(licences).where(licences.c.id == id_)).one_or_none()

    def model_keys(self) -> dict[str, bytes]:
        with reading(self.broker.engine) as connection:
            return {row.manifest: row.wrapped for row in connection.execute(select(models))}

    def log(self, secret: bytes | None = None) -> list[Opening | None]:
        """The log's entries, each opened where the secret, else the broker's, opens it."""
        with reading(self.broker.engine) as connection:
            rows = connection.execute(select(log_entries).order_by(log_entries.c.position)).all()
        return [find_opening(parse_entry(row.leaf), secret or self.broker.log_secret) for row in rows]


@pytest.fixture
def owner(engine: Engine) -> Owner:
    """Nothing stands but the list of keys, as `symbolon broker init` leaves it."""
    approvals = render_approvals(make_approvals(tuple(map(public_key_of, KEYS)), 2))
    with writing(engine) as connection:
        replace_standing(connection, APPROVALS, approvals)
    return Owner(broker=make_broker(engine))


POLICY = policy_text()
SOLD = licence()
