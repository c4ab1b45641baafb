"""Whether the database has the whole log: what was signed before is held against what it has now.

A database that was restored from a backup has forgotten releases: their runs would be sold twice, and the
log would go on beside the one that others have seen. It cannot know that by itself. So the last checkpoint
is held outside of it: in a file that no backup of the database brings back, by a witness, and by the process
that signed it. The broker releases nothing until its log begins with what those hold.

Where the entries are lost for good, the owner's order begins a new *epoch* (`contract.checkpoint`), and with
it another log: what was held of an earlier epoch binds no more. An epoch earlier than the one that is held
is a database from before that order, and refused like every other that is behind.

Without a witness and without the file, a restored database is not noticed once the process has ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured
from contract.checkpoint import Checkpoint, epoch_of, unsafe_read_checkpoint
from contract.orders import parse_epoch
from contract.release_refusals import REFUSALS, BrokerRefused

from ..store.schema import CURRENT, documents
from .not_whole import log_not_whole

EPOCH: Final = "epoch"
"""The kind of the document that says which epoch it is."""
CURRENT_EPOCH: Final = select(documents.c.body).where(documents.c.kind == EPOCH, documents.c.name == CURRENT)
_NOT_READY: Final = REFUSALS["broker-not-ready"]
_RESTORE: Final = "restore the newest backup; if entries are lost for good, the owner begins a new epoch"
_MOST_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class KeptFile:
    """The last checkpoint in a file of the broker's own, outside of its database; one broker, one file."""

    path: Path

    def read(self) -> Checkpoint | None:
        """What is kept; None before the first.

        Raises:
            BrokerRefused: `broker-not-ready`: it cannot be read, or is no checkpoint.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(_MOST_BYTES)
            return unsafe_read_checkpoint(data.decode("utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _file_unusable("read", error) from None
        except (EvidenceRejected, UnicodeDecodeError):
            raise _NOT_READY.error(
                "the file that keeps the last checkpoint has something else in it",
                "restore that file; without it a restored database would not be noticed",
            ) from None

    def keep(self, text: str) -> None:
        """`text` is what is kept, whatever happens to this machine from now on.

        Raises:
            BrokerRefused: `broker-not-ready`: it cannot be written.
        """
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")  # where two share it by mistake
        try:
            with draft.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise _file_unusable("written", error) from None


def _file_unusable(what: str, error: OSError) -> BrokerRefused:
    reason = (error.strerror or "failed").lower()
    return _NOT_READY.error(
        f"the file that keeps the last checkpoint cannot be {what}: {reason}", "look at its folder and disk"
    )


def current_epoch(connection: Connection) -> int:
    """The epoch that the database is in: 0 until the owner begins another.

    Raises:
        BrokerRefused: `broker-not-ready`: the database does not say.
    """
    return epoch_in(connection.execute(CURRENT_EPOCH).scalar())


def epoch_in(body: bytes | None) -> int:
    """The epoch that the document says; 0 where there is none.

    Raises:
        BrokerRefused: `broker-not-ready`: it says none.
    """
    if body is None:
        return 0
    try:
        return parse_epoch(body).number
    except (EvidenceRejected, Misconfigured):
        raise log_not_whole() from None


def check_extends(
    now: Checkpoint, held: Checkpoint, *, root_at: Callable[[int], bytes], broker: Digest, where: str
) -> None:
    """The log that `now` speaks of begins with what `held` says, or is of a later epoch.

    `root_at` is asked for the log's root at a size that it has; `where` says for people who holds the other.

    Raises:
        BrokerRefused: `broker-not-ready`: it does not.
    """
    held_epoch, epoch = epoch_of(held.origin, broker), epoch_of(now.origin, broker)
    if held_epoch is None or epoch is None:
        raise _NOT_READY.error(f"{where} is of another broker's log", "give each broker its own file")
    if held_epoch < epoch:
        return
    if held_epoch > epoch:
        raise _NOT_READY.error(
            f"the database is of epoch {epoch}, and {where} of epoch {held_epoch}: it was restored", _RESTORE
        )
    check_not_behind(now.size, held.size, where=where)
    if root_at(held.size) != held.root:
        raise _NOT_READY.error(
            f"the database's log is another one than {where}, from before entry {held.size} on", _RESTORE
        )


def check_not_behind(size: int, held: int, *, where: str) -> None:
    """The log has at least as many entries as somebody has seen.

    Raises:
        BrokerRefused: `broker-not-ready`: it has fewer, so the database was restored.
    """
    if size < held:
        raise _NOT_READY.error(
            f"the database's log has {size} entries, and {where} has {held}: it was restored", _RESTORE
        )
