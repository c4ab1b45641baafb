"""A list of keys has one text, each key once, and a threshold that can be met."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.errors import Misconfigured
from contract.approvals import (
    ApprovalsFormatUnknown,
    ApprovalsMalformed,
    make_approvals,
    parse_approvals,
    render_approvals,
)
from contract.canonical import render_canonical
from contract.dsse import public_key_of
from tests.orders import FIRST, SECOND, THIRD

KEYS = tuple(map(public_key_of, (FIRST, SECOND, THIRD)))
APPROVALS = make_approvals(KEYS, 2)
DOCUMENT = json.loads(render_approvals(APPROVALS))


def test_a_list_is_read_as_it_was_written_in_whichever_order() -> None:
    read = parse_approvals(render_approvals(make_approvals(KEYS[::-1], 2)))
    assert render_approvals(read) == render_approvals(APPROVALS)
    assert (read.threshold, [each.text for each in read.keys]) == (2, sorted(each.text for each in KEYS))


@pytest.mark.parametrize(
    ("keys", "threshold", "says"),
    [
        ((), 1, "0 keys are to approve"),
        (KEYS, 0, "0 of 3 keys are to sign"),
        (KEYS, 4, "4 of 3 keys are to sign"),
        ((KEYS[0], KEYS[0]), 1, "stands twice"),
        (
            tuple(public_key_of(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in range(21)),
            1,
            "21 keys are to approve, of 1 to 20",
        ),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(keys: tuple[object, ...], threshold: int, says: str) -> None:
    with pytest.raises(Misconfigured, match=says):
        make_approvals(keys, threshold)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        render_canonical({**DOCUMENT, "more": 1}),
        render_canonical({**DOCUMENT, "keys": None}),
        render_canonical({**DOCUMENT, "keys": [1]}),
        render_canonical({**DOCUMENT, "keys": ["AAAA"]}),
        render_canonical({**DOCUMENT, "keys": DOCUMENT["keys"][::-1]}),
        render_canonical({**DOCUMENT, "keys": DOCUMENT["keys"] + DOCUMENT["keys"][:1]}),
        render_canonical({**DOCUMENT, "threshold": 4}),
        render_canonical({**DOCUMENT, "threshold": "2"}),
        render_canonical({**DOCUMENT, "threshold": True}),
        render_approvals(APPROVALS) + b"\n",
    ],
)
def test_what_this_program_does_not_write_is_malformed(body: bytes) -> None:
    with pytest.raises(ApprovalsMalformed):
        parse_approvals(body)


def test_a_list_of_a_format_to_come_is_refused_with_a_sentence() -> None:
    with pytest.raises(ApprovalsFormatUnknown, match="`format` in the list of keys is `2`"):
        parse_approvals(render_canonical({**DOCUMENT, "format": 2}))


def test_one_key_may_sign_alone_and_twenty_together() -> None:
    twenty = tuple(public_key_of(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in range(20))
    for keys, threshold in ((KEYS[:1], 1), (KEYS, 3), (twenty, 20)):
        read = parse_approvals(render_approvals(make_approvals(keys, threshold)))
        assert (len(read.keys), read.threshold) == (len(keys), threshold)
    assert DOCUMENT["format"] == 1


def test_each_rejection_has_its_code() -> None:
    assert ApprovalsMalformed.code == "approvals-malformed"
    assert ApprovalsFormatUnknown.code == "approvals-format-unknown"
