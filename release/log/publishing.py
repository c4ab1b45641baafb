"""A checkpoint of the log is signed, cosigned, stored and kept: only then may an answer leave that needs it.

The steps, in order, under one lock of the process:

    look      what the database has: epoch, size, root
    compare   it begins with what this process signed last, and with what the file outside has
    sign      by the broker's identity
    cosign    by the witness, where there is one: with the proof that it extends what the witness has seen
    store     in the database, where another broker may have stored the very same; two roots of one size: stop
    keep      in the file outside of the database, where there is one

INVARIANT: what is signed is read from what was committed, and a size has one root there. So two brokers of
one database never sign two roots for one size; where the database itself was taken back, a step refuses.

One checkpoint serves all who wait for one: whoever comes while it is made takes the next, which covers them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from attestation.errors import EvidenceRejected
from contract.checkpoint import (
    Checkpoint,
    broker_of,
    epoch_of,
    origin_of,
    sign_checkpoint,
    unsafe_read_checkpoint,
)
from contract.merkle import ProofRejected, verify_inclusion
from contract.release_log import Logged
from contract.release_refusals import REFUSALS, BrokerRefused
from contract.signed_note import NOTE, note_key, render_verifier_key

from ..store.engine import reading, writing
from ..store.schema import checkpoints, log_head
from .cosigning import Cosigning, Overtaken, Witness
from .not_whole import log_not_whole
from .proving import look_up, prove_inclusion
from .restoring import CURRENT_EPOCH, KeptFile, check_extends, current_epoch, epoch_in

AGAIN_S: Final = 1.0
"""After a failure nothing is tried for so long: a witness that is away is not asked by every caller."""
TURN_S: Final = 20.0
"""Who waits longer for the checkpoint that another call is making is refused, and its thread is free."""
_TRIES: Final = 8
_STATE: Final = select(
    log_head.c.size,
    CURRENT_EPOCH.scalar_subquery().label("epoch"),
    select(checkpoints.c.text).where(checkpoints.c.size == log_head.c.size).scalar_subquery().label("stored"),
).where(log_head.c.id == 1)
_STORE: Final = {
    dialect: statement(checkpoints)
    .on_conflict_do_nothing(index_elements=["size"])
    .returning(checkpoints.c.size)
    for dialect, statement in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_STORED: Final = select(checkpoints.c.text).where(checkpoints.c.size == bindparam("asked"))
_REPLACE: Final = (
    update(checkpoints).where(checkpoints.c.size == bindparam("asked")).values(text=bindparam("text"))
)
_NOT_READY: Final = REFUSALS["broker-not-ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A checkpoint as its note, which may leave.

    `proof` is that of the entry for which it was made, the one at `proved`; None where it was for no entry.
    """

    text: str
    checkpoint: Checkpoint
    proved: int | None
    proof: tuple[bytes, ...]


class Publisher:
    """The checkpoints of one broker process. Threads may share it; two processes each have their own."""

    def __init__(
        self,
        engine: Engine,
        identity: Ed25519PrivateKey,
        *,
        witness: Witness | None = None,
        kept: KeptFile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._identity, self._broker = engine, identity, broker_of(identity)
        self._kept, self._clock = kept, clock
        self._cosigning = None if witness is None else Cosigning(engine, witness)
        self._turn = threading.Lock()
        self._last: Published | None = None
        self._failed: tuple[float, BrokerRefused] | None = None

    @property
    def notices_restores(self) -> bool:
        """Whether a database that was restored is noticed after this process has ended."""
        return self._cosigning is not None or self._kept is not None

    def verifier_key(self) -> str:
        """The log's key as C2SP writes it, for the operator of a witness.

        Raises:
            BrokerRefused: `database-unavailable`.
        """
        with reading(self._engine) as connection:
            origin = origin_of(self._broker, current_epoch(connection))
        return render_verifier_key(note_key(origin, NOTE, self._identity))

    def check_ready(self) -> None:
        """The log is whole as far as anybody outside knows, and what it has can be shown.

        Raises:
            BrokerRefused: `broker-not-ready`, or `database-unavailable`.
        """
        if self._last is None or self._failed is not None:
            self.publish(0, anew=True)

    def publish(self, size: int, *, anew: bool = False) -> Published:
        """A checkpoint of at least `size` entries, which everybody may see; `anew`: of all that there are.

        Raises:
            BrokerRefused: `broker-not-ready`, or `database-unavailable`.
        """
        last = self._last
        if last is not None and last.checkpoint.size >= size and not anew:
            return last
        if not self._turn.acquire(timeout=TURN_S):
            raise _NOT_READY.error("the log's next checkpoint takes too long", "look at the witness")
        try:
            if self._last is not None and self._last is not last and self._last.checkpoint.size >= size:
                return self._last
            return self._attempt(size)
        finally:
            self._turn.release()

    def logged(self, index: int, *, entry: bytes, opening: bytes) -> Logged:
        """Where the log has the entry at `index`, with the proof that a checkpoint covers it.

        Raises:
            BrokerRefused: `broker-not-ready`, or `database-unavailable`.
        """
        published = self.publish(index + 1)
        try:
            proof = self._prove(published, index, entry)
        except BrokerRefused as error:
            if error.refusal is _NOT_READY:  # what was signed does not stand there: look anew before anything
                self._failed = self._clock(), error
            raise
        return Logged(entry=entry, opening=opening, index=index, checkpoint=published.text, proof=proof)

    def _prove(self, published: Published, index: int, entry: bytes) -> tuple[bytes, ...]:
        """The proof, which holds: a database that was taken back under this process makes one that does not.

        Raises:
            BrokerRefused: `broker-not-ready`: what was signed is not in the database any more.
        """
        size, root, proof = published.checkpoint.size, published.checkpoint.root, published.proof
        if published.proved != index:  # made for another, or stored by another broker
            with reading(self._engine) as connection:
                proof = prove_inclusion(connection, index, size)
        try:
            verify_inclusion(entry, index=index, size=size, proof=proof, root=root)
        except ProofRejected:
            raise log_not_whole() from None
        return proof

    def _attempt(self, size: int) -> Published:
        if self._failed is not None:
            at, error = self._failed
            if self._clock() < at + AGAIN_S:
                raise error.refusal.error(error.message, error.hint)
        try:
            published = self._make(size)
            if published.checkpoint.size < size:
                raise _NOT_READY.error("the log does not have the entry that was asked for")
        except BrokerRefused as error:
            self._failed = self._clock(), error
            raise
        self._last, self._failed = published, None
        return published

    def _make(self, size: int) -> Published:
        """A checkpoint of all that there are, for whoever needs one of `size` entries."""
        if self._cosigning is None:
            kept = self._read_kept()
            with writing(self._engine) as connection:
                published, is_stored = self._sign(connection, size, kept)
                if not is_stored:
                    self._store(connection, published)
            return self._keep(published)
        for _ in range(_TRIES):  # no transaction waits for a witness
            kept = self._read_kept()
            with reading(self._engine) as connection:
                published, is_stored = self._sign(connection, size, kept)
            if not is_stored:
                try:
                    text = self._cosigning.cosigned(published.checkpoint, published.text)
                except Overtaken:
                    continue
                published = replace(published, text=text)
                with writing(self._engine) as connection:
                    self._store(connection, published)
            return self._keep(published)
        raise _NOT_READY.error("other brokers are faster than the witness", "try again")

    def _read_kept(self) -> Checkpoint | None:
        """What is kept outside; to be read before the log is, which only grows."""
        return None if self._kept is None else self._kept.read()

    def _sign(self, connection: Connection, wanted: int, kept: Checkpoint | None) -> tuple[Published, bool]:
        """All that there is, signed, with the proof of entry `wanted - 1`; and whether that is stored by now.

        Raises:
            BrokerRefused: `broker-not-ready`: it does not extend what was signed before.
        """
        found = connection.execute(
            _STATE
        ).one_or_none()  # one moment: no epoch is signed with another's entries
        if found is None:
            raise log_not_whole()
        size: int = found.size
        last = None if self._last is None else self._last.checkpoint
        held = [] if last is None else [(last, "what this broker has signed")]
        if kept is not None and kept != last:
            held.append((kept, "the checkpoint that is kept outside"))
        proved = wanted - 1 if 0 < wanted <= size else None
        roots, proof = look_up(
            connection,
            sizes={size, *(each.size for each, _ in held if each.size <= size)},
            included=None if proved is None else (proved, size),
        )
        now = Checkpoint(origin=origin_of(self._broker, epoch_in(found.epoch)), size=size, root=roots[size])
        for each, where in held:
            check_extends(now, each, root_at=roots.__getitem__, broker=self._broker, where=where)
        text = sign_checkpoint(now, self._identity)
        stored = None if found.stored is None else self._if_same(now, found.stored)
        is_stored = stored is not None and self._is_enough(stored, text)
        made = Published(
            text=stored if stored is not None and is_stored else text,
            checkpoint=now,
            proved=proved,
            proof=proof,
        )
        return made, is_stored

    def _if_same(self, now: Checkpoint, stored: str) -> str | None:
        """The note that is stored, where it says what would be signed; None where it is of another epoch.

        Raises:
            BrokerRefused: `broker-not-ready`: it gives that size another root.
        """
        try:
            there = unsafe_read_checkpoint(stored)
        except EvidenceRejected:
            raise _NOT_READY.error("a checkpoint in the broker's database is none") from None
        if there == now:
            return stored
        if epoch_of(there.origin, self._broker) != epoch_of(now.origin, self._broker):
            return None
        raise _NOT_READY.error(
            f"two roots were signed for {now.size} entries of the log",
            "stop all brokers of this database; the owner looks which of them was restored",
        )

    def _is_enough(self, stored: str, own: str) -> bool:
        """Whether the note that is stored is the one that would be made: Ed25519 signs one text one way."""
        is_own = stored.startswith(own)
        return is_own and (self._cosigning is None or self._cosigning.has_cosigned(stored))

    def _store(self, connection: Connection, published: Published) -> None:
        """The note stands in the database, beside no other of its size."""
        size = published.checkpoint.size
        row = {"size": size, "text": published.text}
        if connection.execute(_STORE[connection.dialect.name], row).one_or_none() is None:
            # Some broker stored one meanwhile, or it lacked the witness.
            self._if_same(published.checkpoint, connection.execute(_STORED, {"asked": size}).scalar_one())
            connection.execute(_REPLACE, {"asked": size, "text": published.text})

    def _keep(self, published: Published) -> Published:
        if self._kept is not None:
            self._kept.keep(published.text)
        return published
