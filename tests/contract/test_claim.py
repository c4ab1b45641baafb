"""`claim.json` is read as it was written, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attestation.errors import Misconfigured
from contract import claim
from contract.claim import Claim, parse_claim, render_claim

CLAIM = Claim(instance_id="7845806077543069124", start_id="ab" * 16, renewals=12)


def test_a_claim_is_read_as_it_was_written_and_each_renewal_is_another_text() -> None:
    assert parse_claim(render_claim(CLAIM), hint="") == CLAIM
    assert render_claim(replace(CLAIM, renewals=13)) != render_claim(CLAIM)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"\xff", b'{"format": 1}'),
        render_claim(CLAIM).replace(b'"12"', b"12"),
        render_claim(CLAIM).replace(b'"7845806077543069124"', b"1"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(Misconfigured, match=r"`claim\.json` is not as this program writes it") as refused:
        parse_claim(data, hint="clear it")
    assert refused.value.hint == "clear it"


def test_a_claim_of_another_format_is_refused_as_such() -> None:
    with pytest.raises(Misconfigured, match=r"`format` in `claim\.json` is `2`"):
        parse_claim(render_claim(CLAIM).replace(b'"format":1', b'"format":2'), hint="")


def test_a_claim_is_written_as_one_line() -> None:
    text = '{"format":1,"instance_id":"7845","renewals":"0","start_id":"ab"}\n'
    assert render_claim(Claim(instance_id="7845", start_id="ab")) == text.encode()
    assert claim.NAME == "claim.json"


def test_a_claim_is_renewed_every_half_minute_and_abandoned_after_two() -> None:
    assert (claim.RENEWED_EVERY_S, claim.ABANDONED_AFTER_S) == (30.0, 120.0)
