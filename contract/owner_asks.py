"""What an owner asks their broker, signed, and what the broker answers them, signed: queries and answers.

A *query* is DSSE's envelope of {broker, ask, about, at, nonce} by one key of the owner's list; the broker
takes it for `QUERY_S`. An *answer* is DSSE's envelope by the broker's identity, and names the SHA-256 of the
query or the order that it answers: so none can be passed off as the answer to another.

    state      what stands: each document with its digest, how many orders of each type, the intake key
    models     the manifests of the models whose keys it has, in pages: `about` is the last one's hex, or ""
    licences   every licence with its counts, in pages: `about` is the last name of the page before, or ""
    licence    one of them, `about` by its name

What is signed is RFC 8785's text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured

from . import members
from .canonical import decimal, parse_decimal, render_canonical
from .dsse import EnvelopeMalformed, PrivateKey, PublicKey, pae, parse_envelope, sign_envelope
from .formats import OF_ONE_VERSION, read_document

FORMAT = 1
QUERY_TYPE = "application/vnd.symbolon.query+json"
ANSWER_TYPE = "application/vnd.symbolon.answer+json"
QUERY_S = 60
MOST_ANSWER_BYTES = 1 << 20

Ask: TypeAlias = Literal["state", "models", "licences", "licence"]
_ASKS: Final[tuple[Ask, ...]] = get_args(Ask)
_NONCE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_ABOUT = re.compile(r"([0-9a-f]{32}|[0-9a-f]{64})?", re.ASCII)


class QueryMalformed(EvidenceRejected):
    """It is no query of an owner's, as this program writes one."""

    code = "query-malformed"


class AnswerRejected(EvidenceRejected):
    """It is no answer of that broker's to what was asked."""

    code = "broker-answer-rejected"


class AskingFormatUnknown(Misconfigured):
    """It is a query or an answer of another format."""

    code = "broker-answer-format-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`at` in seconds since the epoch by the owner's clock; `nonce`, 32 hex digits, makes each another."""

    broker: Digest
    ask: Ask
    about: str
    at: int
    nonce: str


def sign_query(query: Query, key: PrivateKey) -> bytes:
    """What is sent to the broker."""
    payload = render_canonical(
        {
            "format": FORMAT,
            "broker": query.broker,
            "ask": query.ask,
            "about": query.about,
            "at": decimal(query.at),
            "nonce": query.nonce,
        }
    )
    return sign_envelope(payload, payload_type=QUERY_TYPE, key=key)


def open_query(data: bytes, *, signed_by: tuple[PublicKey, ...]) -> Query:
    """The query, which one of those keys signs; whether it is too old is for the broker to say.

    Raises:
        QueryMalformed: it is none, or none of them signs it.
        AskingFormatUnknown: it is of another format.
    """
    try:
        envelope = parse_envelope(data, payload_type=QUERY_TYPE, what="query")
    except EnvelopeMalformed as malformed:
        raise QueryMalformed(malformed.message) from None
    message = pae(QUERY_TYPE, envelope.payload)
    known = [each for each in signed_by if each.key_id == envelope.key_id]
    if not any(each.verifies(envelope.signature, message) for each in known):
        raise QueryMalformed("none of the owner's keys signs the query")
    read = _document(envelope.payload, "query", QueryMalformed)
    try:
        query = Query(
            broker=parse_digest(str(read["broker"])),
            ask=_ask(read["ask"]),
            about=members.matching(_ABOUT, read["about"]),
            at=parse_decimal(read["at"]),
            nonce=members.matching(_NONCE, read["nonce"]),
        )
    except (LookupError, TypeError, ValueError, Misconfigured):
        raise QueryMalformed("the query is not as this program writes it") from None
    if read.keys() != {"format", "broker", "ask", "about", "at", "nonce"}:
        raise QueryMalformed("the query is not as this program writes it")
    return query


def sign_answer(said: Mapping[str, object], *, to: bytes, at: int, identity: PrivateKey) -> bytes:
    """What the broker says to the query or order `to`, at its own clock's `at`."""
    payload = render_canonical({"format": FORMAT, "to": digest_of(to), "at": decimal(at), "said": dict(said)})
    return sign_envelope(payload, payload_type=ANSWER_TYPE, key=identity)


def open_answer(data: bytes, *, to: bytes, broker: PublicKey) -> dict[str, object]:
    """What that broker said to `to`.

    Raises:
        AnswerRejected: it is another's, or an answer to something else.
        AskingFormatUnknown: it is of another format.
    """
    hint = "look at what stands between here and the broker"
    try:
        envelope = parse_envelope(data, payload_type=ANSWER_TYPE, what="answer")
    except EnvelopeMalformed as malformed:
        raise AnswerRejected(malformed.message, hint=hint) from None
    is_theirs = envelope.key_id == broker.key_id
    if not is_theirs or not broker.verifies(envelope.signature, pae(ANSWER_TYPE, envelope.payload)):
        raise AnswerRejected("the answer is not signed by the broker's key", hint=hint)
    read = _document(envelope.payload, "answer", AnswerRejected)
    said = read.get("said")
    if read.get("to") != digest_of(to) or not isinstance(said, dict):
        raise AnswerRejected("the answer is one to something else", hint=hint)
    return said


def _document(data: bytes, what: str, error: type[EvidenceRejected]) -> dict[str, object]:
    return read_document(
        data, what, known=FORMAT, malformed=error, unknown=AskingFormatUnknown, hint=OF_ONE_VERSION
    )


def _ask(value: object) -> Ask:
    for each in _ASKS:
        if value == each:
            return each
    raise ValueError
