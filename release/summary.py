"""What the broker has, in numbers, as its database says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from .master_key.wrapping import key_id_of
from .orders.standing import epoch_of
from .restored import restored_as
from .store.engine import reading
from .store.schema import leases, licences, log_head, models, releases


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`running` are leases that have not ended; `master_keys` says how many models' keys each wraps.
    `restored` is what the restore is called that the database waits after, or empty."""

    models: int
    licences: int
    revoked: int
    releases: int
    running: int
    log_entries: int
    epoch: int
    restored: str
    master_keys: Mapping[str, int]


def summarise(engine: Engine, *, now: float) -> Summary:
    """The numbers, of one moment.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    with reading(engine) as connection:

        def count(asked: object) -> int:
            return int(connection.execute(asked).scalar_one())  # type: ignore[call-overload]

        wrapped = connection.execute(select(models.c.wrapped)).scalars().all()
        by_key: dict[str, int] = {}
        for each in wrapped:
            by_key[key_id_of(each)] = by_key.get(key_id_of(each), 0) + 1
        every = select(func.count())
        return Summary(
            models=len(wrapped),
            licences=count(every.select_from(licences)),
            revoked=count(every.select_from(licences).where(licences.c.revoked_at.is_not(None))),
            releases=count(every.select_from(releases).where(releases.c.purpose == "release")),
            running=count(
                every.select_from(leases).where(leases.c.ended_at.is_(None), leases.c.ends_at > int(now))
            ),
            log_entries=count(select(log_head.c.size)),
            epoch=epoch_of(connection),
            restored=restored_as(connection),
            master_keys=by_key,
        )
