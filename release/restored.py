"""A database that was put back releases nothing until its log is found whole, or an epoch begins.

A backup has forgotten what came after it: those runs would be sold twice. Where the last checkpoint was kept
elsewhere, it says whether anything is missing. Where none was, nobody can know, and so the owner's order has
to begin a new epoch, which voids what was left.

The mark is a row of the database itself, so that every broker of it sees it. Beside it stands what this
restore is called, at random: the order of an epoch names it, and one that was signed after an earlier restore
of the same backup begins nothing. A copy is marked and has no name, or whoever puts it into its place by hand
again and again would have the same one: it gets its name by `symbolon broker restore`, or when it is first
served.

Whoever writes to the database can put an old name back, as any other row. Only a checkpoint that is held
elsewhere shows that.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine, delete, insert, select

from attestation.digests import Digest
from contract.checkpoint import Checkpoint, origin_of, unsafe_read_checkpoint
from contract.release_log import Logged
from contract.release_refusals import REFUSALS, BrokerRefused

from .broker import Publishing
from .log.proving import root_at, size_of
from .log.restoring import check_extends, current_epoch
from .log.tiles import last_checkpoint
from .store.engine import reading, writing
from .store.schema import meta

_MARK, _NAME = "restored-in-epoch", "restored-as"
_ITS_OWN = meta.c.name.in_((_MARK, _NAME))
_NAME_BYTES: Final = 16


def mark_copied(engine: Engine) -> None:
    """The database is a copy: it releases nothing until an epoch after its present one begins, or
    `why_not_whole` finds nothing missing. `mark_restored` or `name_copy` gives it a name.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    with writing(engine) as connection:
        _mark(connection)


def mark_restored(engine: Engine) -> None:
    """As `mark_copied`, and this restore has a name of its own.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    with writing(engine) as connection:
        _mark(connection)
        _give_name(connection)


def name_copy(engine: Engine) -> None:
    """A copy that was put into its place by hand, and waits without a name, has one.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    with writing(engine) as connection:
        connection.execute(select(meta).where(meta.c.name == _MARK).with_for_update())  # of two, one draws
        if is_waiting(connection) and not restored_as(connection):
            _give_name(connection)


def _mark(connection: Connection) -> None:
    epoch = current_epoch(connection)
    connection.execute(delete(meta).where(_ITS_OWN))
    connection.execute(insert(meta).values(name=_MARK, value=str(epoch)))


def _give_name(connection: Connection) -> None:
    connection.execute(insert(meta).values(name=_NAME, value=secrets.token_hex(_NAME_BYTES)))


def take_mark_away(engine: Engine) -> None:
    """The database was found whole.

    Raises:
        BrokerRefused: `database-unavailable`.
    """
    with writing(engine) as connection:
        connection.execute(delete(meta).where(_ITS_OWN))


def restored_as(connection: Connection) -> str:
    """What the restore is called that the database waits after, 32 hex digits; empty where it waits after
    none, or is a copy that has no name yet."""
    if not is_waiting(connection):
        return ""
    return connection.execute(select(meta.c.value).where(meta.c.name == _NAME)).scalar() or ""


def is_ordered_after(connection: Connection, restored: str) -> bool:
    """Whether an order that names this restore, or none by an empty name, is for the database as it waits."""
    name = restored_as(connection)
    if is_waiting(connection) and not name:
        return False
    return hmac.compare_digest(restored.encode(), name.encode())


def is_waiting(connection: Connection) -> bool:
    """Whether the database was put back, and no epoch has begun since."""
    marked = connection.execute(select(meta.c.value).where(meta.c.name == _MARK)).scalar()
    return marked is not None and current_epoch(connection) <= int(marked)


def why_not_whole(engine: Engine, held: Checkpoint, *, broker: Digest) -> str | None:
    """What is missing of a log that goes at least as far as `held`, which was kept; None where nothing is.

    One that is older than what the database has signed itself says nothing of what came after that.

    Raises:
        BrokerRefused: `database-unavailable`.
        NoteMalformed, CheckpointMalformed: the database's last checkpoint is none.
    """
    with reading(engine) as connection:
        epoch, size = current_epoch(connection), size_of(connection)
        now = Checkpoint(origin=origin_of(broker, epoch), size=size, root=root_at(connection, size))
        try:
            check_extends(
                now,
                held,
                root_at=partial(root_at, connection),
                broker=broker,
                where="the checkpoint that was kept",
            )
        except BrokerRefused as behind:
            return behind.message
        later = last_checkpoint(connection)
        if held.origin != now.origin or (
            later is not None and unsafe_read_checkpoint(later).size > held.size
        ):
            return "the checkpoint that was kept is not the last one: the database itself has a later one"
    return None


class WholeLog:
    """A `Publishing` that is not ready while its database waits after a restore, and signs nothing of it.

    What it would sign then may not be the log that others have seen.
    """

    def __init__(self, log: Publishing, engine: Engine) -> None:
        self._log, self._engine = log, engine
        self._is_whole = threading.Event()

    def check_ready(self) -> None:
        self._check_whole()
        self._log.check_ready()

    def logged(self, index: int, *, entry: bytes, opening: bytes) -> Logged:
        self._check_whole()
        return self._log.logged(index, entry=entry, opening=opening)

    def _check_whole(self) -> None:
        if not self._is_whole.is_set():
            with reading(self._engine) as connection:
                if is_waiting(connection):
                    raise REFUSALS["broker-not-ready"].error(
                        "the broker was restored, and may have forgotten releases",
                        "its owner shows the last checkpoint that was kept, or begins a new epoch",
                    )
            self._is_whole.set()  # the mark is made while no broker serves
