"""What an owner tells their broker, signed: an order. Nothing else changes what the broker holds.

    {"format": 1, "body": base64, "envelope": {"payloadType": …, "payload": base64, "signatures": […]}}

The envelope's payload says what changes: which type of thing, from which digest to which, as the how many-th
order of that type, in which epoch of which broker. `body` is the new thing itself, and `new` its digest: so
whoever signs, signs what it replaces and what it becomes.

    type        body                                              signatures of the list that stands
    policy      the provider, as `policy.provider` reads it       threshold
    template    `contract.licence_templates`, all of them         threshold
    approvals   `contract.approvals`                              threshold
    master-key  the name of the key that is to wrap from now on   threshold
    epoch       what begins after a restore: `Epoch`              threshold
    licence     the licence, signed: issue, renew, transfer       one within a template, else threshold
    revoke      the licence's name                                one
    model       a model's data key: `contract.model_keys`         one

`sequence` counts from 1, each type by itself, so that licences are issued while a policy waits for its
second signature. It, `old` and `epoch` make an order of use once.

Every document is RFC 8785's text of what stands here; any other bytes are malformed.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, get_args

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured

from . import members
from .canonical import decimal, parse_decimal, render_canonical
from .cosigned import CoSigned, add_signature, envelope_members, parse_envelope_members
from .dsse import PrivateKey
from .formats import OF_ONE_VERSION, read_document
from .release import is_name

FORMAT = 1
PAYLOAD_TYPE = "application/vnd.symbolon.order+json"
MOST_BYTES = 256 << 10
"""Of a document, body and signatures included."""

Type: TypeAlias = Literal[
    "policy", "template", "approvals", "master-key", "epoch", "licence", "revoke", "model"
]
TYPES: Final[tuple[Type, ...]] = get_args(Type)
BY_ONE: Final = ("licence", "revoke", "model")
"""What one key of the list orders; a licence within a template only, as the broker finds."""

_RESTORED = re.compile(r"([0-9a-f]{32})?", re.ASCII)
_MASTER_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9:/._-]{0,299}", re.ASCII)


class OrderMalformed(EvidenceRejected):
    """It is no order as this program writes one."""

    code = "order-malformed"


class OrderFormatUnknown(Misconfigured):
    """It is an order of another format."""

    code = "order-format-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What signatures are over. `at` is when it was made, in seconds since the epoch by the owner's clock;
    `old` is None where nothing stood before."""

    broker: Digest
    epoch: int
    type: Type
    old: Digest | None
    new: Digest
    sequence: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDocument:
    """An order with its body and who signs it; believed in nothing."""

    order: Order
    body: bytes = field(repr=False)
    signed: CoSigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What begins after a restore that could not be made whole: `number` counts from 1, `size` and `root` are
    of the log as it was restored.

    `restored`, 32 hex digits, is what that restore was called, so that the order fits no other restore of the
    same backup; empty where the broker was never restored by its own command.
    """

    number: int
    size: int
    root: Digest
    restored: str = ""


def make_document(order: Order, body: bytes) -> OrderDocument:
    """The order, which nobody signs yet."""
    if order.new != digest_of(body):
        raise ValueError("the body is not what the order says")
    payload = render_order(order)
    return OrderDocument(order=order, body=body, signed=CoSigned(payload_type=PAYLOAD_TYPE, payload=payload))


def sign_document(document: OrderDocument, key: PrivateKey) -> OrderDocument:
    """The same, which that key signs too."""
    return replace(document, signed=add_signature(document.signed, key))


def render_document(document: OrderDocument) -> bytes:
    """What is sent to the broker, and what lies in a file while it is signed."""
    return render_canonical(
        {
            "format": FORMAT,
            "body": base64.b64encode(document.body).decode(),
            "envelope": envelope_members(document.signed),
        }
    )


def parse_document(data: bytes) -> OrderDocument:
    """What `render_document` wrote, its body the one that it names; nobody's signature is verified.

    Raises:
        OrderFormatUnknown: it is of another format.
        OrderMalformed: it is anything else.
    """
    read = _document(data, "order")
    try:
        body = base64.b64decode(members.text(read["body"]))
        signed = parse_envelope_members(read["envelope"], payload_type=PAYLOAD_TYPE)
    except (LookupError, TypeError, ValueError):
        raise _malformed("order") from None
    document = OrderDocument(order=parse_order(signed.payload), body=body, signed=signed)
    if render_document(document) != data:
        raise _malformed("order")
    if digest_of(body) != document.order.new:
        raise OrderMalformed("the order's body is not the one that it was signed for")
    return document


def render_order(order: Order) -> bytes:
    """The text that is signed."""
    return render_canonical(
        {
            "format": FORMAT,
            "broker": order.broker,
            "epoch": order.epoch,
            "type": order.type,
            "old": order.old,
            "new": order.new,
            "sequence": order.sequence,
            "at": decimal(order.at),
        }
    )


def parse_order(payload: bytes) -> Order:
    """What `render_order` wrote.

    Raises:
        OrderFormatUnknown, OrderMalformed: it is anything else.
    """
    read = _document(payload, "order")
    try:
        old = read["old"]
        order = Order(
            broker=members.digest(read["broker"]),
            epoch=_whole(read["epoch"], least=0),
            type=TYPES[TYPES.index(read["type"])],
            old=None if old is None else members.digest(old),
            new=members.digest(read["new"]),
            sequence=_whole(read["sequence"], least=1),
            at=parse_decimal(read["at"]),
        )
    except (LookupError, TypeError, ValueError, Misconfigured):
        raise _malformed("order") from None
    if render_order(order) != payload:
        raise _malformed("order")
    return order


def render_revocation(licence: str) -> bytes:
    """The body of a `revoke`."""
    return render_canonical({"format": FORMAT, "licence": licence})


def parse_revocation(body: bytes) -> str:
    """The licence that is revoked.

    Raises:
        OrderFormatUnknown, OrderMalformed: it is no such body.
    """
    licence = str(_document(body, "revocation").get("licence"))
    if not is_name(licence) or render_revocation(licence) != body:
        raise _malformed("revocation")
    return licence


def render_master_key(name: str) -> bytes:
    """The body of a `master-key`: a key of Cloud KMS, or a sealed file's id."""
    return render_canonical({"format": FORMAT, "key": name})


def parse_master_key(body: bytes) -> str:
    """The key's name.

    Raises:
        OrderFormatUnknown, OrderMalformed: it is no such body.
    """
    name = str(_document(body, "master key's name").get("key"))
    if not _MASTER_KEY.fullmatch(name) or render_master_key(name) != body:
        raise _malformed("master key's name")
    return name


def render_epoch(epoch: Epoch) -> bytes:
    """The body of an `epoch`."""
    return render_canonical(
        {
            "format": FORMAT,
            "number": epoch.number,
            "size": decimal(epoch.size),
            "root": epoch.root,
            "restored": epoch.restored,
        }
    )


def parse_epoch(body: bytes) -> Epoch:
    """What begins.

    Raises:
        OrderFormatUnknown, OrderMalformed: it is no such body.
    """
    read = _document(body, "epoch")
    try:
        epoch = Epoch(
            number=_whole(read["number"], least=1),
            size=parse_decimal(read["size"]),
            root=members.digest(read["root"]),
            restored=members.matching(_RESTORED, read["restored"]),
        )
    except (LookupError, TypeError, ValueError, Misconfigured):
        raise _malformed("epoch") from None
    if render_epoch(epoch) != body:
        raise _malformed("epoch")
    return epoch


def _document(data: bytes, what: str) -> dict[str, object]:
    return read_document(
        data,
        what,
        known=FORMAT,
        malformed=OrderMalformed,
        unknown=OrderFormatUnknown,
        hint=OF_ONE_VERSION,
        most_bytes=MOST_BYTES,
    )


def _malformed(what: str) -> OrderMalformed:
    return OrderMalformed(f"the {what} is not as this program writes it", hint="make the order anew")


def _whole(value: object, *, least: int) -> int:
    if type(value) is not int or not least <= value < 2**31:
        raise ValueError
    return value
