"""A query is one of the owner's; an answer is the broker's, and to that query."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.digests import digest_of
from attestation.errors import SymbolonError
from contract.canonical import render_canonical
from contract.dsse import public_key_of, sign_envelope
from contract.owner_asks import (
    ANSWER_TYPE,
    MOST_ANSWER_BYTES,
    QUERY_S,
    QUERY_TYPE,
    AnswerRejected,
    AskingFormatUnknown,
    Query,
    QueryMalformed,
    open_answer,
    open_query,
    sign_answer,
    sign_query,
)
from tests.orders import BROKER, FIRST, NOW, SECOND, STRANGER

KEYS = tuple(map(public_key_of, (FIRST, SECOND)))
QUERY = Query(broker=BROKER, ask="licence", about="0" * 32, at=NOW, nonce="f" * 32)
SENT = sign_query(QUERY, FIRST)
IDENTITY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
THEIRS = public_key_of(IDENTITY)
ANSWER = sign_answer({"runs_used": "3"}, to=SENT, at=NOW, identity=IDENTITY)
MEMBERS: dict[str, Any] = {
    "format": 1,
    "broker": BROKER,
    "ask": "state",
    "about": "",
    "at": str(NOW),
    "nonce": "f" * 32,
}


@pytest.mark.parametrize("key", [FIRST, SECOND])
@pytest.mark.parametrize("query", [QUERY, replace(QUERY, ask="state", about="")])
def test_a_query_of_one_of_the_keys_is_read(key: Any, query: Query) -> None:
    assert open_query(sign_query(query, key), signed_by=KEYS) == query


def test_a_query_of_nobody_on_the_list_is_refused() -> None:
    with pytest.raises(QueryMalformed, match="none of the owner's keys signs the query"):
        open_query(sign_query(QUERY, STRANGER), signed_by=KEYS)


@pytest.mark.parametrize(
    "change",
    [
        {"broker": "mine"},
        {"ask": "everything"},
        {"about": "0" * 31},
        {"about": None},
        {"at": NOW},
        {"nonce": "f"},
        {"more": 1},
    ],
)
def test_a_query_that_this_program_does_not_write_is_refused(change: dict[str, Any]) -> None:
    data = sign_envelope(render_canonical(MEMBERS), payload_type=QUERY_TYPE, key=FIRST)
    assert open_query(data, signed_by=KEYS).ask == "state"
    with pytest.raises(QueryMalformed):
        payload = render_canonical({**MEMBERS, **change})
        open_query(sign_envelope(payload, payload_type=QUERY_TYPE, key=FIRST), signed_by=KEYS)


def test_an_answer_is_read_by_whoever_asked() -> None:
    assert open_answer(ANSWER, to=SENT, broker=THEIRS) == {"runs_used": "3"}


def test_an_answer_to_something_else_or_of_somebody_else_is_refused() -> None:
    with pytest.raises(AnswerRejected, match="to something else"):
        open_answer(ANSWER, to=SENT + b" ", broker=THEIRS)
    with pytest.raises(AnswerRejected, match="not signed by the broker's key"):
        open_answer(ANSWER, to=SENT, broker=KEYS[0])
    with pytest.raises(AnswerRejected, match="no envelope"):
        open_answer(b"{}", to=SENT, broker=THEIRS)
    with pytest.raises(AnswerRejected, match="is a signed"):
        open_answer(SENT, to=SENT, broker=KEYS[0])


def test_a_format_to_come_is_refused_with_a_sentence() -> None:
    payload = render_canonical({**MEMBERS, "format": 2})
    with pytest.raises(AskingFormatUnknown, match="`format` in the query is `2`"):
        open_query(sign_envelope(payload, payload_type=QUERY_TYPE, key=FIRST), signed_by=KEYS)
    with pytest.raises(AskingFormatUnknown, match="`format` in the answer is `2`"):
        later = sign_envelope(render_canonical({"format": 2}), payload_type=ANSWER_TYPE, key=IDENTITY)
        open_answer(later, to=SENT, broker=THEIRS)


@pytest.mark.parametrize("which", ["query", "answer"])
def test_no_byte_of_a_query_or_an_answer_can_be_another(which: str) -> None:
    data = SENT if which == "query" else ANSWER
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(SymbolonError):
            if which == "query":
                open_query(bytes(changed), signed_by=KEYS)
            else:
                open_answer(bytes(changed), to=SENT, broker=THEIRS)


def signed_as(envelope: bytes) -> tuple[str, dict[str, Any]]:
    """The type and the members of what is signed."""
    document = json.loads(envelope)
    return document["payloadType"], json.loads(base64.b64decode(document["payload"]))


def test_what_goes_over_the_wire_is_fixed() -> None:
    asked = {**MEMBERS, "ask": "licence", "about": "0" * 32}
    assert signed_as(SENT) == ("application/vnd.symbolon.query+json", asked)
    said = {"format": 1, "to": digest_of(SENT), "at": str(NOW), "said": {"runs_used": "3"}}
    assert signed_as(ANSWER) == ("application/vnd.symbolon.answer+json", said)
    assert (QUERY_S, MOST_ANSWER_BYTES) == (60, 1_048_576)


def test_what_is_signed_and_no_document_is_refused_by_name() -> None:
    with pytest.raises(QueryMalformed, match="the query is not"):
        open_query(sign_envelope(b"[", payload_type=QUERY_TYPE, key=FIRST), signed_by=KEYS)
    with pytest.raises(AnswerRejected, match="the answer is not"):
        open_answer(sign_envelope(b"[", payload_type=ANSWER_TYPE, key=IDENTITY), to=SENT, broker=THEIRS)


def test_each_rejection_has_its_code() -> None:
    assert QueryMalformed.code == "query-malformed"
    assert AnswerRejected.code == "broker-answer-rejected"
    assert AskingFormatUnknown.code == "broker-answer-format-unknown"
