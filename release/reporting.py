"""A receipt brings unused pictures back, and ends the lease that it reports."""

from __future__ import annotations

from .broker import Broker


def report(broker: Broker, receipt: bytes, now: float) -> bytes:
    """What came back for a verified receipt, in JSON; the lease has ended.

    Raises:
        BrokerRefused: `report-rejected`, `lease-unknown`, `database-unavailable`.
    """
    raise NotImplementedError
