"""That one row is among those of a receipt: what an operator hands on who hands on nothing else.

    {"format": 1, "index": 3, "size": 2000, "row": "{…}", "hashes": ["…", …]}

`row` is the line of the part as it stands, without its end; `hashes` lead from it, in its place `index` of
`size` rows, to the root of the rows that the receipt states (`contract.merkle`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from attestation.errors import EvidenceRejected
from attestation.strict_json import parse_json_object

from .formats import check_format
from .merkle import ProofRejected, leaf_digest, prove_inclusion, root_by_proof, verify_inclusion
from .receipt import row_leaf

FORMAT = 1
_HINT = "`symbolon operator results prove` writes one"
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NAMES = {"format", "index", "size", "row", "hashes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProof:
    """A row as it is written, without the end of its line, and the way from it to the root of all rows."""

    index: int
    size: int
    row: bytes
    hashes: tuple[bytes, ...]

    def root(self) -> bytes:
        """The root that the proof leads to.

        Raises:
            ProofRejected: it leads to none.
        """
        digest = leaf_digest(self.row)
        return root_by_proof(digest, index=self.index, size=self.size, proof=self.hashes)

    def verify(self, root: bytes) -> None:
        """The row stands at `index` of the `size` rows that `root` stands for.

        Raises:
            ProofRejected: the proof does not say so.
        """
        verify_inclusion(self.row, index=self.index, size=self.size, proof=self.hashes, root=root)


def prove_row(rows: Iterable[bytes], index: int) -> RowProof:
    """The proof that the row at `index` is among `rows`, which are asked for one by one.

    Raises:
        IndexError: there is no such row.
    """
    found: list[bytes] = []
    size = 0

    def leaves() -> Iterable[bytes]:
        nonlocal size
        for place, line in enumerate(rows):
            leaf = row_leaf(line)
            if place == index:
                found.append(leaf)
            size += 1
            yield leaf

    hashes = prove_inclusion(leaves(), index)
    return RowProof(index=index, size=size, row=found[0], hashes=hashes)


def render_row_proof(proof: RowProof) -> str:
    """The document, on one line; its end included."""
    document = {
        "format": FORMAT,
        "index": proof.index,
        "size": proof.size,
        "row": proof.row.decode(),
        "hashes": [each.hex() for each in proof.hashes],
    }
    return json.dumps(document) + "\n"


def parse_row_proof(data: bytes) -> RowProof:
    """What `render_row_proof` wrote.

    Raises:
        ProofRejected: it is no such document.
        Misconfigured: its format is not known.
    """
    try:
        document = parse_json_object(data, what="proof")
    except EvidenceRejected as rejection:
        raise ProofRejected(rejection.message, hint=_HINT) from None
    check_format(document.get("format"), known=FORMAT, what="the proof", hint=_HINT)
    row, hashes = document.get("row"), document.get("hashes")
    index, size = document.get("index"), document.get("size")
    if document.keys() != _NAMES or not isinstance(row, str) or not isinstance(hashes, list):
        raise _malformed()
    if type(index) is not int or type(size) is not int:
        raise _malformed()
    if not all(isinstance(each, str) and _HEX.fullmatch(each) for each in hashes):
        raise _malformed()
    return RowProof(index=index, size=size, row=row.encode(), hashes=tuple(map(bytes.fromhex, hashes)))


def _malformed() -> ProofRejected:
    return ProofRejected("the proof does not have exactly the members that it needs", hint=_HINT)
