"""A challenge that no table has: by its own seal the broker knows that it gave it, and when.

    when it was given, 5 bytes | random, 11 bytes | HMAC-SHA256 of both by the broker's key, 16 bytes

So whoever asks for challenges without end makes nothing grow and writes to no disk. Only a challenge that a
release has used gets a row (`ledger.use_challenge`), by which it is used once. All brokers of one identity
have the one key.

Source: RFC 2104, section 5 (an HMAC that is cut).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from contract.release import CHALLENGE_S, Challenge
from contract.release_refusals import REFUSALS

_TIME_BYTES: Final = 5
_RANDOM_BYTES: Final = 11
_SEAL_BYTES: Final = 16
_SAID_BYTES: Final = _TIME_BYTES + _RANDOM_BYTES


def make_challenge(key: bytes, at: int) -> Challenge:
    """A challenge that nobody had before, given at that time, in seconds since the epoch."""
    said = at.to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(_RANDOM_BYTES)
    return Challenge(challenge=(said + _seal(key, said)).hex(), ends_at=at + CHALLENGE_S)


def read_challenge(key: bytes, challenge: str) -> int:
    """When a broker with that key gave the challenge, which is 64 hex digits.

    Raises:
        BrokerRefused: `challenge-unknown`: it did not.
    """
    data = bytes.fromhex(challenge)
    said, seal = data[:_SAID_BYTES], data[_SAID_BYTES:]
    if not hmac.compare_digest(seal, _seal(key, said)):
        raise REFUSALS["challenge-unknown"].error()
    return int.from_bytes(said[:_TIME_BYTES], "big")


def check_open(given_at: int, now: int) -> None:
    """The challenge that was given then may be used now.

    Raises:
        BrokerRefused: `challenge-expired`.
    """
    if now >= given_at + CHALLENGE_S:
        raise REFUSALS["challenge-expired"].error()


def _seal(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, hashlib.sha256)[:_SEAL_BYTES]
