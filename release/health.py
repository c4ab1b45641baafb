"""Whether the broker could release now, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from attestation.errors import SymbolonError

from .broker import Broker
from .store.engine import check_migrated, reading
from .store.schema import log_head

YES = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Each thing that has to hold: `yes`, or the code of what is wrong. `log_size` may not be known.

    `reason` is what is wrong in words, "" where nothing is: for the broker's log, and nobody who asks.
    """

    checks: Mapping[str, str]
    log_size: int | None
    reason: str = ""

    @property
    def is_ready(self) -> bool:
        return all(found == YES for found in self.checks.values())


def look(broker: Broker) -> Health:
    """How the broker is, asked of its database, its witness and its kept checkpoint now."""
    size = None
    checks = {"database": YES, "log": YES}
    try:
        check_migrated(broker.engine)  # by a connection that was found durable
        with reading(broker.engine) as connection:
            size = connection.execute(select(log_head.c.size)).scalar_one()
    except SymbolonError as error:
        return Health(checks={"database": error.code}, log_size=None, reason=error.message)
    try:
        broker.log.check_ready()
    except SymbolonError as error:
        checks["log"] = error.code
        return Health(checks=checks, log_size=size, reason=error.message)
    return Health(checks=checks, log_size=size)
