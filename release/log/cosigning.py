"""A checkpoint is cosigned by a witness: with the proof that it extends what the witness has seen.

How far the witness has seen the log is learnt from the witness itself, at the first call and whenever another
broker of the same database has shown it more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from sqlalchemy import Engine

from attestation.errors import EvidenceRejected
from contract.checkpoint import Checkpoint
from contract.cosignature import verify_cosignature
from contract.release_refusals import REFUSALS
from contract.signed_note import NoteKey, NoteSignature, parse_note, render_signature

from ..store.engine import reading
from .proving import prove_consistency, size_of
from .restoring import check_not_behind
from .witness import WitnessHasSeen

_TRIES: Final = 8


class Witness(Protocol):
    """Somebody else who saw the log: see `witness.WitnessClient`."""

    key: NoteKey

    def add_checkpoint(
        self, checkpoint: str, *, old: int, proof: Sequence[bytes]
    ) -> tuple[NoteSignature, ...]: ...


class Overtaken(Exception):
    """The log has grown, and the witness has seen it grown: there is a longer one to sign."""


class Cosigning:
    """The witness of one broker process, which asks it for one checkpoint at a time."""

    def __init__(self, engine: Engine, witness: Witness) -> None:
        self._engine, self._witness = engine, witness
        self._seen = 0
        """Up to which size the witness has seen the log, as far as this process knows."""

    def has_cosigned(self, text: str) -> bool:
        """Whether the witness's signature stands below the note, and holds."""
        try:
            verify_cosignature(parse_note(text), self._witness.key)
        except EvidenceRejected:
            return False
        return True

    def cosigned(self, checkpoint: Checkpoint, text: str) -> str:
        """The note with the witness's lines below it.

        Raises:
            Overtaken: another broker of this database has shown it a longer log.
            BrokerRefused: `broker-not-ready`: it does not cosign, or it has seen more than the database has.
        """
        for _ in range(_TRIES):
            old = self._seen if self._seen <= checkpoint.size else 0
            with reading(self._engine) as connection:
                proof = prove_consistency(connection, old, checkpoint.size)
            try:
                lines = self._witness.add_checkpoint(text, old=old, proof=proof)
            except WitnessHasSeen as seen:
                self._seen = seen.size
                if seen.size > checkpoint.size:
                    with reading(self._engine) as connection:
                        check_not_behind(size_of(connection), seen.size, where="the witness")
                    raise Overtaken from None
                continue
            self._seen = checkpoint.size
            return text + "".join(map(render_signature, lines))
        raise REFUSALS["broker-not-ready"].error("the witness says another size each time")
