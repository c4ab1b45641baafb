"""How much the stream does at once, and so what memory it takes: as the machine or the terms have it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .images import MOST_BYTES, MOST_PIXELS
from .job import Job

MOST_CONNECTIONS = 32
BATCH_WAIT_S = 0.05
WINDOW = 4096

_ENCODED_BYTES = 2 * MOST_BYTES
_DECODED_BATCHES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The bounds of the stream."""

    connections: int
    """Most reads at once."""
    encoded_bytes: int
    """Most bytes of encoded pictures in memory, those being read included; one picture always passes."""
    decoders: int
    """Pictures decoded at once."""
    batch_size: int
    """Most pictures that the model sees at once."""
    batch_wait_s: float
    """A decoded picture waits no longer for others to fill its batch."""
    window: int
    """Pictures begun while an earlier one has no row yet: only their rows are kept."""

    @property
    def decoded(self) -> int:
        """Most pictures that are decoded and have not been through the model."""
        return _DECODED_BATCHES * self.batch_size

    def most_bytes(self, height: int, width: int) -> int:
        """What the stream holds at most, in bytes: encoded, being decoded, decoded, and in the batch.

        max(encoded_bytes, MOST_BYTES)
        + decoders * MOST_PIXELS * 3 * 2     (whole, and turned or cropped)
        + (decoded + decoders + batch_size) * height * width * 3 * 4
        """
        pixels = height * width * 3 * 4
        return (
            max(self.encoded_bytes, MOST_BYTES)
            + self.decoders * MOST_PIXELS * 3 * 2
            + (self.decoded + self.decoders + self.batch_size) * pixels
        )


def choose_settings(job: Job, *, cores: int | None = None) -> Settings:
    """The settings of `job` on a machine with that many cores: those that the terms fix, and the rest."""
    cores = cores or len(os.sched_getaffinity(0))
    fixed = job.terms.stream
    return Settings(
        connections=fixed.connections or MOST_CONNECTIONS,
        encoded_bytes=(fixed.memory_mib << 20) if fixed.memory_mib else _ENCODED_BYTES,
        decoders=fixed.decoders or cores,
        batch_size=job.batch_size,
        batch_wait_s=fixed.batch_wait_ms / 1000 if fixed.batch_wait_ms else BATCH_WAIT_S,
        window=WINDOW,
    )
