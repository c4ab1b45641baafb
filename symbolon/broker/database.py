"""The broker's database, made ready: its tables, and the owner's keys that it begins with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from contract.approvals import make_approvals, render_approvals
from contract.dsse import parse_public_key
from contract.release_refusals import BrokerRefused
from release.backup import is_sqlite
from release.folder import Folder
from release.orders.standing import APPROVALS, replace_standing, standing
from release.store.engine import held_alone, open_engine, writing
from release.store.migrating import migrate


@contextmanager
def answering(folder: Folder) -> Iterator[None]:
    """A database that does not answer is told to its owner, who can do something about it.

    Raises:
        BrokerRefused: `database-unavailable`, with what to look at.
    """
    try:
        yield
    except BrokerRefused as refused:
        if refused.code != "database-unavailable":
            raise
        hint = (
            "look at the database's file, its folder and its disk"
            if is_sqlite(folder)
            else "is PostgreSQL up? then `broker.database` in broker.toml, the role, and PGPASSFILE's file"
        )
        raise refused.refusal.error(refused.message, hint) from None


def prepare(folder: Folder) -> None:
    """The database has this version's tables, and a list of the owner's keys. No broker serves meanwhile.

    A list that is there stays: what the settings have is the first one, and orders have changed it since.

    Raises:
        DatabaseUrlUnknown, DatabaseNotDurable, DatabaseInUse: see there.
        BrokerRefused: `database-unavailable`.
        Misconfigured: a key of the settings is none.
    """
    first = folder.settings.approval
    keys = tuple(parse_public_key(text, where="a key of `approval.keys`") for text in first.keys)
    body = render_approvals(make_approvals(keys, first.threshold))
    with answering(folder), held_alone(folder.database):
        engine = open_engine(folder.database)
        try:
            migrate(engine)
            with writing(engine) as connection:
                if standing(connection, APPROVALS) is None:
                    replace_standing(connection, APPROVALS, body)
        finally:
            engine.dispose()
