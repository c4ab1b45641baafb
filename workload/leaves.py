"""The leaves of a job's rows and inputs, kept until the receipt has their roots.

A part says all that is needed of them when it is written or taken over, so nothing is read again to seal.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import TracebackType

from attestation.digests import Digest, digest_of
from contract.merkle import DIGEST_BYTES, Accumulator, leaf_digest
from contract.parts import Part, part_name, render_leaf, render_part
from contract.receipt import Root, Subject, row_leaf

from .scratch import room_for, scratch_file

_WHAT = "the receipt"


class Leaves:
    """The leaves of parts that become known in any order, and the digests of these parts.

    64 bytes a picture, on scratch and not in the heap.
    """

    def __init__(self) -> None:
        self._digests = scratch_file()
        self._parts: dict[int, tuple[int, int, Digest]] = {}

    def add(self, part: Part) -> None:
        """The part is proved and in the folder: taken over, or just written.

        Raises:
            Misconfigured: scratch space is full.
        """
        pairs = (
            leaf_digest(row_leaf(row)) + leaf_digest(render_leaf(leaf))
            for row, leaf in zip(part.rows, part.inputs, strict=True)
        )
        with room_for(_WHAT):
            start = self._digests.seek(0, io.SEEK_END)
            self._digests.write(b"".join(pairs))
            self._digests.flush()
        self._parts[part.index] = (start, len(part.rows), digest_of(render_part(part)))

    def subjects(self) -> list[Subject]:
        """The parts, in their order."""
        return [
            Subject(name=part_name(index), digest=digest)
            for index, (_, _, digest) in sorted(self._parts.items())
        ]

    def roots(self) -> tuple[Root, Root]:
        """That of the rows and that of the inputs, of all parts in their order."""
        rows, inputs = Accumulator(), Accumulator()
        for pair in self._pairs():
            rows.append_digest(pair[:DIGEST_BYTES])
            inputs.append_digest(pair[DIGEST_BYTES:])
        return Root(root=rows.root(), size=rows.size), Root(root=inputs.root(), size=inputs.size)

    def _pairs(self) -> Iterator[bytes]:
        for _, (start, count, _) in sorted(self._parts.items()):
            self._digests.seek(start)
            for _ in range(count):
                yield self._digests.read(2 * DIGEST_BYTES)

    def __enter__(self) -> Leaves:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with room_for(_WHAT):  # what did not fit before is tried again
            self._digests.close()
