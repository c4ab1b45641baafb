"""A challenge is given, and for it, once, a model's key: released or renewed, counted and logged first."""

from __future__ import annotations

from .broker import Broker


def issue_challenge(broker: Broker, now: float) -> bytes:
    """A challenge that nobody had before, as `contract.release.render_challenge` writes it.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    raise NotImplementedError


def release(broker: Broker, call: bytes, now: float) -> bytes:
    """The answer to a call, as `contract.release.render_release` writes it: counted, logged and committed.

    Raises:
        BrokerRefused: it is refused; nothing was counted and nothing released.
    """
    raise NotImplementedError
