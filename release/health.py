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
    """Each thing that has to hold: `yes`, or the code of what is wrong. `log_size` may not be known."""

    checks: Mapping[str, str]
    log_size: int | None

    @property
    def is_ready(self) -> bool:
        return all(found == YES for found in self.checks.values())


def look(broker: Broker) -> Health:
    """How the broker is, asked of its database now."""
    size = None
    try:
        check_migrated(broker.engine)  # by a connection that was found durable
        with reading(broker.engine) as connection:
            size = connection.execute(select(log_head.c.size)).scalar_one()
        found = YES
    except SymbolonError as error:
        found = error.code
    return Health(checks={"database": found}, log_size=size)
