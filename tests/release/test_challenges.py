"""A challenge is known by its seal alone: no other bytes are one, and none outlives its minute."""

from __future__ import annotations

import pytest

from contract.release import CHALLENGE_S
from contract.release_refusals import BrokerRefused
from release.challenges import check_open, make_challenge, read_challenge
from tests.release.brokers import NOW

KEY, OTHER = b"k" * 32, b"o" * 32


def refused(key: bytes, challenge: str) -> str:
    with pytest.raises(BrokerRefused) as caught:
        read_challenge(key, challenge)
    return caught.value.code


def test_a_challenge_says_when_it_was_given_and_is_given_once() -> None:
    made = [make_challenge(KEY, NOW) for _ in range(100)]
    assert {read_challenge(KEY, each.challenge) for each in made} == {NOW}
    assert {each.ends_at for each in made} == {NOW + CHALLENGE_S}
    assert len({each.challenge for each in made}) == 100


def test_no_other_bytes_are_a_challenge() -> None:
    good = make_challenge(KEY, NOW).challenge
    assert refused(OTHER, good) == "challenge-unknown"
    for bit in range(256):
        flipped = f"{int(good, 16) ^ 1 << bit:064x}"
        assert refused(KEY, flipped) == "challenge-unknown"


def test_a_challenge_is_open_for_a_minute() -> None:
    check_open(NOW, NOW + CHALLENGE_S - 1)
    with pytest.raises(BrokerRefused) as caught:
        check_open(NOW, NOW + CHALLENGE_S)
    assert caught.value.code == "challenge-expired"
