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
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

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
from ..store.schema import checkpoints
from .cosigning import Cosigning, Overtaken, Witness
from .not_whole import log_not_whole
from .proving import prove_inclusion, root_at, size_of
from .restoring import KeptFile, check_extends, current_epoch

AGAIN_S: Final = 1.0
"""After a failure nothing is tried for so long: a witness that is away is not asked by every caller."""
TURN_S: Final = 20.0
"""Who waits longer for the checkpoint that another call is making is refused, and its thread is free."""
_TRIES: Final = 8
_STORED: Final = select(checkpoints.c.text)
_NOT_READY: Final = REFUSALS["broker-not-ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A checkpoint as its note, which may leave."""

    text: str
    checkpoint: Checkpoint


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
            proof = self._prove(published.checkpoint, index, entry)
        except BrokerRefused as error:
            if error.refusal is _NOT_READY:  # what was signed does not stand there: look anew before anything
                self._failed = self._clock(), error
            raise
        return Logged(entry=entry, opening=opening, index=index, checkpoint=published.text, proof=proof)

    def _prove(self, checkpoint: Checkpoint, index: int, entry: bytes) -> tuple[bytes, ...]:
        """The proof, which holds: a database that was taken back under this process makes one that does not.

        Raises:
            BrokerRefused: `broker-not-ready`: what was signed is not in the database any more.
        """
        with reading(self._engine) as connection:
            proof = prove_inclusion(connection, index, checkpoint.size)
        try:
            verify_inclusion(entry, index=index, size=checkpoint.size, proof=proof, root=checkpoint.root)
        except ProofRejected:
            raise log_not_whole() from None
        return proof

    def _attempt(self, size: int) -> Published:
        if self._failed is not None:
            at, error = self._failed
            if self._clock() < at + AGAIN_S:
                raise error.refusal.error(error.message, error.hint)
        try:
            published = self._make()
            if published.checkpoint.size < size:
                raise _NOT_READY.error("the log does not have the entry that was asked for")
        except BrokerRefused as error:
            self._failed = self._clock(), error
            raise
        self._last, self._failed = published, None
        return published

    def _make(self) -> Published:
        for _ in range(_TRIES):
            with reading(self._engine) as connection:
                checkpoint, stored = self._look(connection)
            text = sign_checkpoint(checkpoint, self._identity)
            if stored is not None and self._is_enough(stored, text):
                return self._keep(Published(text=stored, checkpoint=checkpoint))
            if self._cosigning is not None:
                try:
                    text = self._cosigning.cosigned(checkpoint, text)
                except Overtaken:
                    continue
            published = Published(text=text, checkpoint=checkpoint)
            self._store(published)
            return self._keep(published)
        raise _NOT_READY.error("other brokers are faster than the witness", "try again")

    def _look(self, connection: Connection) -> tuple[Checkpoint, str | None]:
        """What is there to be signed, and the note of it where some broker has stored one.

        Raises:
            BrokerRefused: `broker-not-ready`: it does not extend what was signed before.
        """
        kept = None if self._kept is None else self._kept.read()  # before the log, which only grows
        size = size_of(connection)  # before the epoch: an epoch is never signed with another's entries
        origin = origin_of(self._broker, current_epoch(connection))
        now = Checkpoint(origin=origin, size=size, root=root_at(connection, size))
        last = None if self._last is None else self._last.checkpoint
        held = [] if last is None else [(last, "what this broker has signed")]
        if kept is not None and kept != last:
            held.append((kept, "the checkpoint that is kept outside"))
        for each, where in held:
            check_extends(connection, now, each, broker=self._broker, where=where)
        stored: str | None = connection.execute(_STORED.where(checkpoints.c.size == size)).scalar()
        return now, None if stored is None else self._if_same(now, stored)

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

    def _store(self, published: Published) -> None:
        """The note stands in the database, beside no other of its size."""
        row = {"size": published.checkpoint.size, "text": published.text}
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(checkpoints), row)
        except IntegrityError:  # some broker stored one meanwhile, or it lacked the witness
            with writing(self._engine) as connection:
                at_size = checkpoints.c.size == published.checkpoint.size
                self._if_same(published.checkpoint, connection.execute(_STORED.where(at_size)).scalar_one())
                connection.execute(update(checkpoints).where(at_size).values(text=published.text))

    def _keep(self, published: Published) -> Published:
        if self._kept is not None:
            self._kept.keep(published.text)
        return published
