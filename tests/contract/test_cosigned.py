"""Several keys sign one payload: in one order, each once, and nothing that does not hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from attestation.digests import digest_of
from contract.cosigned import (
    CoSigned,
    Signature,
    SignatureRejected,
    add_signature,
    envelope_members,
    parse_envelope_members,
    signers,
)
from contract.dsse import public_key_of
from tests.orders import FIRST, SECOND, STRANGER, THIRD

KIND = "application/vnd.symbolon.test+json"
KEYS = tuple(map(public_key_of, (FIRST, SECOND, THIRD)))
UNSIGNED = CoSigned(payload_type=KIND, payload=b"{}")
SIGNED = add_signature(add_signature(UNSIGNED, FIRST), SECOND)
MEMBERS = envelope_members(SIGNED)


def test_in_whatever_order_keys_sign_the_text_is_one() -> None:
    """Ed25519's signatures are the same each time; of ECDSA's only the order is compared."""
    other = add_signature(add_signature(UNSIGNED, SECOND), FIRST)
    assert [each.key_id for each in other.signatures] == [each.key_id for each in SIGNED.signatures]
    assert parse_envelope_members(MEMBERS, payload_type=KIND) == SIGNED
    assert parse_envelope_members(envelope_members(UNSIGNED), payload_type=KIND) == UNSIGNED


def test_the_members_are_dsse_s() -> None:
    assert MEMBERS.keys() == {"payloadType", "payload", "signatures"}
    assert (MEMBERS["payloadType"], MEMBERS["payload"]) == (KIND, "e30=")


def test_each_key_that_signs_is_told_and_signs_once() -> None:
    assert {each.text for each in signers(SIGNED, KEYS)} == {each.text for each in KEYS[:2]}
    assert signers(UNSIGNED, KEYS) == ()
    assert add_signature(SIGNED, SECOND) is SIGNED


def test_a_stranger_s_signature_spoils_the_rest() -> None:
    with pytest.raises(SignatureRejected, match=r"the key `sha256:\w+` signs it, which is none of those"):
        signers(add_signature(SIGNED, STRANGER), KEYS)


def test_a_signature_of_other_bytes_spoils_the_rest() -> None:
    with pytest.raises(SignatureRejected, match="does not hold"):
        signers(replace(SIGNED, payload=b"[]"), KEYS)
    with pytest.raises(SignatureRejected, match="does not hold"):
        signers(replace(SIGNED, payload_type=f"{KIND}2"), KEYS)


ENTRY: dict[str, Any] = MEMBERS["signatures"][0]  # type: ignore[index]
LAST: dict[str, Any] = MEMBERS["signatures"][1]  # type: ignore[index]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {**MEMBERS, "payloadType": "another"},
        {**MEMBERS, "payload": 1},
        {**MEMBERS, "payload": "e30"},
        {**MEMBERS, "more": 1},
        {**MEMBERS, "signatures": None},
        {**MEMBERS, "signatures": ["it"]},
        {**MEMBERS, "signatures": [LAST, ENTRY]},
        {**MEMBERS, "signatures": [ENTRY, ENTRY]},
        {**MEMBERS, "signatures": [{**ENTRY, "keyid": "mine"}]},
        {**MEMBERS, "signatures": [{**ENTRY, "sig": "AAB="}]},
        {**MEMBERS, "signatures": [{**ENTRY, "more": 1}]},
        {**MEMBERS, "payload": 1234},
        {**MEMBERS, "signatures": {}},
        {**MEMBERS, "signatures": ""},
    ],
)
def test_what_this_program_does_not_write_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        parse_envelope_members(value, payload_type=KIND)


def test_twenty_keys_may_sign_and_no_more() -> None:
    keys = [digest_of(bytes([number])) for number in range(21)]
    signed = [Signature(key_id=each, signature=b"s" * 64) for each in keys]
    twenty = replace(UNSIGNED, signatures=tuple(signed[:20]))
    read = parse_envelope_members(envelope_members(twenty), payload_type=KIND)
    assert {each.key_id for each in read.signatures} == {*keys[:20]}
    with pytest.raises(ValueError):
        parse_envelope_members(
            envelope_members(replace(UNSIGNED, signatures=tuple(signed))), payload_type=KIND
        )


def test_what_is_signed_is_not_shown_and_a_rejection_has_its_code() -> None:
    assert "payload=" not in repr(SIGNED)
    assert SignatureRejected.code == "cosignature-rejected"
