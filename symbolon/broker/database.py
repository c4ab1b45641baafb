"""The broker's database, made ready: its tables, and the owner's keys that it begins with."""

from __future__ import annotations

from release.folder import Folder
from release.store.engine import held_alone, open_engine
from release.store.migrating import migrate


def prepare(folder: Folder) -> None:
    """The database has this version's tables. No broker serves from a SQLite file meanwhile.

    Raises:
        DatabaseUrlUnknown, DatabaseNotDurable, DatabaseInUse: see there.
        BrokerRefused: `database-unavailable`.
    """
    with held_alone(folder.database):
        engine = open_engine(folder.database)
        try:
            migrate(engine)
        finally:
            engine.dispose()
