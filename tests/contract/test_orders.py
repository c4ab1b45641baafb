"""An order says what changes, from what and to what, and has one text."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from attestation.digests import digest_of
from attestation.errors import SymbolonError
from contract.canonical import render_canonical
from contract.cosigned import signers
from contract.dsse import public_key_of
from contract.orders import (
    BY_ONE,
    MOST_BYTES,
    PAYLOAD_TYPE,
    TYPES,
    Epoch,
    OrderFormatUnknown,
    OrderMalformed,
    make_document,
    parse_document,
    parse_epoch,
    parse_master_key,
    parse_order,
    parse_revocation,
    render_document,
    render_epoch,
    render_master_key,
    render_order,
    render_revocation,
)
from tests.orders import BROKER, FIRST, LICENCE, NOW, SECOND, order

BODY = b'{"condition": "a"}'
DOCUMENT = order("policy", BODY, FIRST, SECOND, old=digest_of(b"the old one"), sequence=7, epoch=2)
TEXT = render_document(DOCUMENT)
ORDER = json.loads(render_order(DOCUMENT.order))
KEYS = tuple(map(public_key_of, (FIRST, SECOND)))


def test_an_order_is_read_as_it_was_signed() -> None:
    assert parse_document(TEXT) == DOCUMENT
    assert {
        "format": 1,
        "broker": BROKER,
        "epoch": 2,
        "type": "policy",
        "old": digest_of(b"the old one"),
        "new": digest_of(BODY),
        "sequence": 7,
        "at": str(NOW),
    } == ORDER


@pytest.mark.parametrize("type_", TYPES)
def test_each_type_is_read_and_nothing_need_stand_before(type_: str) -> None:
    document = order(type_, b"a body", FIRST)  # type: ignore[arg-type]
    assert parse_document(render_document(document)) == document


def test_no_byte_of_a_signed_order_can_be_another() -> None:
    text = render_document(order("policy", b"{}", FIRST))
    for at in range(len(text)):
        for bit in range(8):
            changed = bytearray(text)
            changed[at] ^= 1 << bit
            with pytest.raises(SymbolonError):
                signers(parse_document(bytes(changed)).signed, KEYS)


def test_an_order_is_not_made_for_another_body() -> None:
    with pytest.raises(ValueError, match="not what the order says"):
        make_document(DOCUMENT.order, BODY + b" ")


WRONG = {
    "it is no order to come": {"format": 2},
    "its type is none": {"type": "policies"},
    "it counts from one": {"sequence": 0},
    "it counts whole": {"sequence": 1.5},
    "its epoch is none": {"epoch": -1},
    "its epoch is no yes": {"epoch": True},
    "its broker is no digest": {"broker": "mine"},
    "what stood is no digest": {"old": "sha256:0"},
    "what comes is nothing": {"new": None},
    "its time is a number": {"at": NOW},
    "it says more": {"more": 1},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_an_order_does_not_say_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((OrderMalformed, OrderFormatUnknown)):
        parse_order(render_canonical({**ORDER, **change}))
    for name in change.keys() & ORDER.keys():
        with pytest.raises((OrderMalformed, OrderFormatUnknown)):
            parse_order(render_canonical({each: ORDER[each] for each in ORDER if each != name}))


def test_a_body_is_the_one_that_was_signed_for() -> None:
    document = json.loads(TEXT)
    other = {**document, "body": base64.b64encode(BODY + b" ").decode()}
    with pytest.raises(OrderMalformed, match="not the one that it was signed for"):
        parse_document(render_canonical(other))


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{",
        TEXT + b"\n",
        json.dumps(json.loads(TEXT)).encode(),
        render_canonical({**json.loads(TEXT), "more": 1}),
        render_canonical({**json.loads(TEXT), "body": None}),
        render_canonical({**json.loads(TEXT), "envelope": None}),
        b" " * (MOST_BYTES + 1),
    ],
)
def test_what_this_program_does_not_write_is_malformed(data: bytes) -> None:
    with pytest.raises(OrderMalformed) as refused:
        parse_document(data)
    assert "\n" not in refused.value.message


FORMS = {
    "order": parse_document,
    "revocation": parse_revocation,
    "master key's name": parse_master_key,
    "epoch": parse_epoch,
}


@pytest.mark.parametrize("what", FORMS)
def test_what_is_wrong_with_a_document_is_said_of_which(what: str) -> None:
    """The words of a person who has several files before them."""

    def said(data: bytes) -> tuple[str, str]:
        with pytest.raises((OrderMalformed, OrderFormatUnknown)) as refused:
            FORMS[what](data)
        return refused.value.code, refused.value.message

    malformed, unknown = "order-malformed", "order-format-unknown"
    assert said(b"{") == (malformed, f"the {what} is not JSON")
    assert said(b'{"format":1}') == (malformed, f"the {what} is not as this program writes it")
    assert said(b" " * (MOST_BYTES + 1)) == (malformed, f"the {what} is larger than 262144 bytes")
    assert said(b'{"format":2}') == (unknown, f"`format` in the {what} is `2`; this program reads 1 alone")


def test_what_is_wrong_with_what_is_signed_is_said_of_the_order() -> None:
    for payload in (b"{", b'{"format":1}', render_canonical({**ORDER, "more": 1})):
        with pytest.raises(OrderMalformed, match=r"^the order is not"):
            parse_order(payload)
    with pytest.raises(OrderMalformed, match=r"^the order is not as"):
        parse_document(render_canonical({**json.loads(TEXT), "more": 1}))
    for read, body, what in (
        (parse_revocation, {"licence": LICENCE.id}, "revocation"),
        (parse_epoch, {"number": 1, "size": "0", "root": BROKER, "restored": ""}, "epoch"),
    ):
        with pytest.raises(OrderMalformed, match=rf"^the {what} is not as"):
            read(render_canonical({"format": 1, **body, "more": 1}))


def test_a_document_may_be_as_large_as_is_read() -> None:
    room = MOST_BYTES - len(render_document(order("policy", b"", FIRST)))
    document = order("policy", b"a" * (room // 4 * 3), FIRST)
    text = render_document(document)
    assert MOST_BYTES - 4 < len(text) <= MOST_BYTES
    assert parse_document(text) == document
    with pytest.raises(OrderMalformed, match="larger"):
        parse_document(render_document(order("policy", b"a" * (room // 4 * 3 + 4), FIRST)))


def test_numbers_go_to_2_to_the_31st() -> None:
    largest = {**ORDER, "sequence": 2**31 - 1, "epoch": 2**31 - 1}
    assert parse_order(render_canonical(largest)).sequence == 2**31 - 1
    for name in ("sequence", "epoch"):
        with pytest.raises(OrderMalformed):
            parse_order(render_canonical({**ORDER, name: 2**31}))


def test_what_one_key_orders_and_what_is_signed_are_as_brokers_know_them() -> None:
    assert BY_ONE == ("licence", "revoke", "model")
    assert PAYLOAD_TYPE == "application/vnd.symbolon.order+json"
    assert Epoch(number=1, size=0, root=BROKER).restored == ""


def test_an_order_of_a_format_to_come_is_refused_with_a_sentence() -> None:
    with pytest.raises(OrderFormatUnknown, match="`format` in the order is `2`; this program reads 1 alone"):
        parse_document(render_canonical({**json.loads(TEXT), "format": 2}))


def test_small_bodies_are_read_as_they_were_written() -> None:
    for restored in ("", "0123456789abcdef" * 2):
        epoch = Epoch(number=1, size=2**40, root=digest_of(b"root"), restored=restored)
        assert parse_epoch(render_epoch(epoch)) == epoch
    assert parse_revocation(render_revocation(LICENCE.id)) == LICENCE.id
    name = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    assert parse_master_key(render_master_key(name)) == name


@pytest.mark.parametrize("read", [parse_epoch, parse_revocation, parse_master_key])
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        render_canonical({"format": 1}),
        render_canonical({"format": 1, "licence": "0" * 31}),
        render_canonical({"format": 1, "licence": "0" * 32, "more": 1}),
        render_canonical({"format": 1, "key": ""}),
        render_canonical({"format": 1, "key": "a\n"}),
        render_canonical({"format": 1, "number": 0, "size": "0", "root": BROKER, "restored": ""}),
        render_canonical({"format": 1, "number": 1, "size": 0, "root": BROKER, "restored": ""}),
        render_canonical({"format": 1, "number": 1, "size": "0", "root": "none", "restored": ""}),
        render_canonical({"format": 1, "number": 1, "size": "0", "root": BROKER}),
        render_canonical({"format": 1, "number": 1, "size": "0", "root": BROKER, "restored": None}),
        render_canonical({"format": 1, "number": 1, "size": "0", "root": BROKER, "restored": "F" * 32}),
        render_epoch(Epoch(number=1, size=0, root=BROKER)) + b" ",
    ],
)
def test_any_other_small_body_is_refused(read: object, body: bytes) -> None:
    with pytest.raises(OrderMalformed):
        read(body)  # type: ignore[operator]
    with pytest.raises(OrderFormatUnknown):
        read(render_canonical({"format": 2}))  # type: ignore[operator]


def test_a_body_is_not_shown() -> None:
    assert "condition" not in repr(replace(DOCUMENT, body=BODY))
