"""The owner at their broker: questions, orders, and what stands, each signed and each answer verified."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured
from contract.approvals import Approvals, parse_approvals
from contract.canonical import parse_decimal
from contract.checkpoint import verify_logged
from contract.dsse import PrivateKey
from contract.licence_templates import Template, parse_templates
from contract.orders import Order, OrderDocument, Type, make_document, render_document, sign_document
from contract.owner_asks import Ask, Query, open_answer, sign_query
from contract.release_log import check_opening, parse_entry, parse_logged

from ..broker_client import call
from ..brokers import BrokerAddress, NamedBroker, find_broker, owner_key_file
from ..policy_arguments import now
from .signing_keys import open_key

_QUERY, _ORDERS = "/v1/query", "/v1/orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What stands at a broker. `following` is the number of each type's next order; `size` and `root` are the
    log's; `restored` is what the last restore was called, or empty."""

    epoch: int
    documents: dict[str, bytes]
    following: dict[str, int]
    intake: bytes
    size: int
    root: Digest
    restored: str

    @property
    def approvals(self) -> Approvals:
        """Whose signatures an order needs."""
        return parse_approvals(self.documents["approvals"])

    @property
    def templates(self) -> tuple[Template, ...]:
        """What one key may sell by itself."""
        body = self.documents.get("template")
        return () if body is None else parse_templates(body)

    def digest(self, kind: str) -> Digest | None:
        """Of the document that stands, if one does."""
        body = self.documents.get(kind)
        return None if body is None else digest_of(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A broker, and the key of the owner's that asks and orders."""

    broker: BrokerAddress
    key: PrivateKey = field(repr=False)
    clock: Callable[[], float] = lambda: now().timestamp()

    @property
    def at(self) -> int:
        """Seconds since the epoch."""
        return int(self.clock())

    def ask(self, ask: Ask, about: str = "") -> dict[str, Any]:
        """What the broker says.

        Raises:
            BrokerRefused, BrokerUnreachable, BrokerNotPinned: see there.
            AnswerRejected: the answer is not the broker's, or to something else.
        """
        nonce = secrets.token_hex(16)
        query = Query(broker=self.broker.key.key_id, ask=ask, about=about, at=self.at, nonce=nonce)
        return self._call(_QUERY, sign_query(query, self.key))

    def state(self) -> State:
        """What stands now.

        Raises: as `ask`.
        """
        said = self.ask("state")
        try:
            return State(
                epoch=int(said["epoch"]),
                documents={kind: base64.b64decode(each["body"]) for kind, each in said["documents"].items()},
                following={type_: int(number) for type_, number in said["next"].items()},
                intake=bytes.fromhex(said["intake"]),
                size=parse_decimal(said["log"]["size"]),
                root=parse_digest(said["log"]["root"]),
                restored=str(said["restored"]),
            )
        except (LookupError, TypeError, ValueError, AttributeError, Misconfigured):
            raise unreadable() from None

    def models(self) -> Iterator[str]:
        """The manifest of each model whose key the broker has.

        Raises: as `ask`.
        """
        last, more = "", True
        while more:
            said = self.ask("models", last.removeprefix("sha256:"))
            page, more = said.get("models"), bool(said.get("more"))
            if not isinstance(page, list) or (more and not page) or any(str(each) <= last for each in page):
                raise unreadable()
            yield from map(str, page)
            last = str(page[-1]) if page else last

    def make(self, type_: Type, body: bytes, *, state: State, old: Digest | None) -> OrderDocument:
        """The next order of that type, which this desk's key signs."""
        order = Order(
            broker=self.broker.key.key_id,
            epoch=state.epoch,
            type=type_,
            old=old,
            new=digest_of(body),
            sequence=state.following[type_],
            at=self.at,
        )
        return sign_document(make_document(order, body), self.key)

    def send(self, document: OrderDocument) -> dict[str, Any]:
        """The order is done; what the broker says of it. Its `logged`, where there is one, was verified.

        Raises: as `ask`; and
            ProofRejected, NoteSignedByAnother, OpeningOfAnother: the log does not have what it is said to.
        """
        said = self._call(_ORDERS, render_document(document))
        if said.get("logged") is not None:
            self._verify(said["logged"], document)
        return said

    def _verify(self, members: object, document: OrderDocument) -> None:
        """The broker's log has this very order."""
        try:
            logged = parse_logged(members)
        except (LookupError, TypeError, ValueError):
            raise unreadable() from None
        verify_logged(logged, self.broker.key)
        opening = check_opening(parse_entry(logged.entry), logged.opening)
        if opening.said.get("order") != digest_of(document.signed.payload):
            raise EvidenceRejected(
                "the entry that the broker shows of its log is about something else than the order",
                hint="look at the log: symbolon auditor log verify",
            )

    def _call(self, path: str, sent: bytes) -> dict[str, Any]:
        answer = call(self.broker.url, path, sent, pins=self.broker.pins)
        return open_answer(answer, to=sent, broker=self.broker.key)


def open_desk(
    named: NamedBroker, *, folder: Path = Path(), terms: Path | None = None, key: PrivateKey | None = None
) -> Desk:
    """The broker that is meant, and the owner's key, unlocked; `key` where one is, and none was typed.

    Raises:
        Misconfigured: one of them is not named, or the passphrase does not unlock the key.
    """
    broker = find_broker(named, folder=folder, terms=terms)
    if key is not None and named.owner_key is None:
        return Desk(broker=broker, key=key)
    file, passphrase_file = owner_key_file(named, folder=folder)
    return Desk(broker=broker, key=open_key(file, passphrase_file=passphrase_file))


def unreadable() -> EvidenceRejected:
    """The failure of an answer that the broker signed and this program cannot read."""
    return EvidenceRejected(
        "the broker's answer is not as this program writes it",
        hint="the owner's command and the broker have to be of one version of this program",
    )
