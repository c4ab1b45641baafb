"""How much the stream does at once, and so what memory it takes: as the machine or the terms have it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from contract.request import Job

from .pictures.headers import MOST_BYTES, MOST_PIXELS
from .pictures.preparing import BYTES_PER_PIXEL

MOST_CONNECTIONS = 64
BATCH_WAIT_S = 0.02
DECODER_BYTES = 96 << 20
"""What a decoder keeps for its next picture, so that pages are not asked for again and again."""

_BATCH_A_CORE = {"openvino": 4}
_ELSE_A_CORE = 16
_LARGEST_BATCH = 256
_BATCH_PIXELS = 224 * 224
_ROWS_BYTES = 32 << 20
_SMALL_PIXELS = 16_000_000
_BATCHES = 4
"""Two of decoded pictures, the one that becomes an array, and that array."""
_PART_OF_MEMORY = 4
_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The bounds of the stream."""

    connections: int
    """Most reads at once."""
    encoded_bytes: int
    """Most bytes of encoded pictures in memory, those being read included; one picture always passes."""
    decoders: int
    """Pictures decoded at once."""
    decoding_pixels: int
    """Most pixels of the pictures that are decoded at once; one picture always passes."""
    batch_size: int
    """Most pictures that the model sees at once, if neither it nor its runtime states a number."""
    largest_batch_size: int
    """As many of them as the memory is meant to hold."""
    batch_wait_s: float
    """A decoded picture waits no longer for others to fill its batch."""
    window: int
    """Pictures begun while an earlier one has no row yet: only their rows are kept."""

    @property
    def read_ahead(self) -> int:
        """Most pictures that are read or being read, and not decoded yet."""
        return self.connections + 2 * self.decoders

    def most_bytes(self, *, height: int, width: int, top_k: int, batch_size: int | None = None) -> int:
        """What the stream holds at most, in bytes, for a model fed `height` by `width`, in batches of what
        was agreed on (`agree_batch_size`), or else of what is set.

        2 * max(encoded_bytes, MOST_BYTES)                          (what arrives is put together once)
        + max(decoding_pixels, MOST_PIXELS) * BYTES_PER_PIXEL
        + decoders * DECODER_BYTES
        + (4 * batch_size + decoders) * height * width * 3 * 4      (waiting, and in the batch)
        + window * row_bytes(top_k)
        """
        return (
            2 * max(self.encoded_bytes, MOST_BYTES)
            + max(self.decoding_pixels, MOST_PIXELS) * BYTES_PER_PIXEL
            + self.decoders * DECODER_BYTES
            + (_BATCHES * (batch_size or self.batch_size) + self.decoders) * fed_bytes(height, width)
            + self.window * row_bytes(top_k)
        )


def fed_bytes(height: int, width: int) -> int:
    """One picture as the model is fed."""
    return height * width * 3 * 4


def row_bytes(top_k: int) -> int:
    """An answer that waits for its turn: indices, scores, and the objects that hold them."""
    return 8 * top_k + 512


def choose_settings(job: Job, *, cores: int | None = None, memory_bytes: int | None = None) -> Settings:
    """The settings of `job` on a machine of so many cores and so much memory, save those that the terms fix.

    What is decoded, being decoded and in batches each have a part of a quarter of the memory, or of what the
    terms say; but never so little that one of the largest pictures could not be read and decoded, and
    small ones beside it. `Settings.most_bytes` says what that comes to.
    """
    cores = cores or len(os.sched_getaffinity(0))
    fixed, fed = job.terms.stream, fed_bytes(job.terms.input.height, job.terms.input.width)
    if fixed.memory_mib is not None:
        budget = fixed.memory_mib << 20
    else:
        budget = (memory_bytes or machine_memory()) // _PART_OF_MEMORY
    decoders = max(1, min(fixed.decoders or cores, budget // 4 // (DECODER_BYTES + fed)))
    pixels = min(decoders * MOST_PIXELS, budget // 4 // BYTES_PER_PIXEL)
    pixels = max(pixels, MOST_PIXELS + (_SMALL_PIXELS if decoders > 1 else 0))
    largest_batch_size = max(1, budget // 4 // (_BATCHES * fed))
    return Settings(
        connections=fixed.connections or MOST_CONNECTIONS,
        encoded_bytes=(fixed.encoded_mib << 20) if fixed.encoded_mib else MOST_BYTES,
        decoders=decoders,
        decoding_pixels=(fixed.decoding_megapixels or 0) * 1_000_000 or pixels,
        batch_size=min(job.batch_size or _usual_batch_size(job, cores), largest_batch_size),
        largest_batch_size=largest_batch_size,
        batch_wait_s=BATCH_WAIT_S if fixed.batch_wait_ms is None else fixed.batch_wait_ms / 1000,
        window=fixed.window or _ROWS_BYTES // row_bytes(job.top_k),
    )


def _usual_batch_size(job: Job, cores: int) -> int:
    """What was fastest: TensorFlow likes many pictures at once, OpenVINO as many as the caches hold."""
    input = job.terms.input
    usual = min(_BATCH_A_CORE.get(job.terms.runtime.name, _ELSE_A_CORE) * cores, _LARGEST_BATCH)
    return max(1, min(usual, usual * _BATCH_PIXELS // (input.height * input.width)))


def agree_batch_size(
    job: Job, settings: Settings, *, saved_for: int | None, preferred: int | None, at_once: int = 1
) -> int:
    """How many pictures the model sees at once, in `at_once` batches.

    Batches of the size that the model is saved for; else the number that the operator or the terms ask for,
    or that the runtime prefers; else the settings' own.
    """
    if saved_for is not None:
        return saved_for * at_once
    if job.batch_size is not None or preferred is None:
        return settings.batch_size
    return min(preferred, settings.largest_batch_size)


def agree_at_once(settings: Settings, *, saved_for: int | None, at_once: int) -> int:
    """How many batches of the size that the model is saved for fit into the memory, `at_once` at most."""
    if saved_for is None:
        return at_once
    return max(1, min(at_once, settings.largest_batch_size // saved_for))


def machine_memory(cgroups: tuple[Path, ...] = _CGROUPS) -> int:
    """The machine's memory, or what of it this container may have, in bytes."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in cgroups:
        try:
            limits.append(int(file.read_text()))
        except (OSError, ValueError):  # no such cgroup, or `max`
            continue
    return min(limits)
