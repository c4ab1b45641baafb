"""A body that cannot be read is a call that cannot be, in the reader's words; a refusal stays what it is."""

from __future__ import annotations

import pytest

from contract.orders import parse_revocation, render_revocation
from contract.release_refusals import REFUSALS, BrokerRefused
from release.orders.reading import read_body


def test_a_body_is_what_the_reader_makes_of_it() -> None:
    assert read_body(parse_revocation, render_revocation("1" * 32)) == "1" * 32


def test_what_the_reader_does_not_take_is_malformed_in_its_words() -> None:
    with pytest.raises(BrokerRefused, match="the revocation is not as this program writes it") as no:
        read_body(parse_revocation, b'{"format":1}')
    assert (no.value.code, no.value.hint) == ("request-malformed", "make the order anew")


def test_a_reader_that_refuses_by_itself_is_not_said_to_have_read_nothing() -> None:
    def refuse(body: bytes) -> None:
        raise REFUSALS["licence-unknown"].error()

    with pytest.raises(BrokerRefused) as no:
        read_body(refuse, b"")
    assert no.value.code == "licence-unknown"
