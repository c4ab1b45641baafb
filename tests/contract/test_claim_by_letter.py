"""`claim.json` to the letter, and the times that two instances have to agree on."""

from __future__ import annotations

from contract import claim
from contract.claim import Claim, render_claim


def test_a_claim_is_written_as_one_line() -> None:
    text = '{"format":1,"instance_id":"7845","renewals":"0","start_id":"ab"}\n'
    assert render_claim(Claim(instance_id="7845", start_id="ab")) == text.encode()
    assert claim.NAME == "claim.json"


def test_a_claim_is_renewed_every_half_minute_and_abandoned_after_two() -> None:
    assert (claim.RENEWED_EVERY_S, claim.ABANDONED_AFTER_S) == (30.0, 120.0)
