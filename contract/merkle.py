"""One digest for a list of byte strings, and short proofs that one of them stands in its place.

The tree is RFC 6962's. A leaf's digest and a node's begin with different bytes, so that nobody can pass one
off as the other; a root says nothing without its number of leaves, which whoever states a root states too.
`Accumulator` takes the leaves one by one and keeps a digest a level: twenty for a million of them.

Source: RFC 6962, section 2.1; RFC 9162, section 2.1.3.2, for the verification of a proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from attestation.errors import EvidenceRejected

DIGEST_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()
"""What stands for no leaf at all."""
_LEAF, _NODE = b"\x00", b"\x01"


class ProofRejected(EvidenceRejected):
    """The proof does not lead from the leaf, in its place, to the root."""

    code = "proof-rejected"


def leaf_digest(leaf: bytes) -> bytes:
    """The 32 bytes that stand for `leaf` in the tree."""
    return hashlib.sha256(_LEAF + leaf).digest()


def node_digest(left: bytes, right: bytes) -> bytes:
    """The 32 bytes that stand for two trees beside one another."""
    return hashlib.sha256(_NODE + left + right).digest()


def fold(complete: Sequence[bytes]) -> bytes:
    """The root over complete trees beside one another, each larger than the next: one at least."""
    digest = complete[-1]
    for larger in reversed(complete[:-1]):
        digest = node_digest(larger, digest)
    return digest


class Accumulator:
    """The root of the leaves given so far, of any number of them."""

    def __init__(self) -> None:
        self.size = 0
        self._complete: list[bytes] = []
        """The roots of the complete trees that the leaves so far fall into, the largest first."""

    def append(self, leaf: bytes) -> None:
        """`leaf` is the last one now."""
        self.append_digest(leaf_digest(leaf))

    def append_digest(self, digest: bytes) -> None:
        """The leaf of which `leaf_digest` made `digest` is the last one now."""
        size = self.size
        while size & 1:  # two trees of one size are one
            digest = node_digest(self._complete.pop(), digest)
            size >>= 1
        self._complete.append(digest)
        self.size += 1

    def root(self) -> bytes:
        """The 32 bytes that stand for all the leaves, in their order.

        >>> Accumulator().root().hex()[:8]
        'e3b0c442'
        """
        if not self._complete:
            return EMPTY_ROOT
        return fold(self._complete)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of `leaves`, which are asked for one by one."""
    accumulator = Accumulator()
    for leaf in leaves:
        accumulator.append(leaf)
    return accumulator.root()


def prove_inclusion(leaves: Iterable[bytes], index: int) -> tuple[bytes, ...]:
    """The digests with which `verify_inclusion` comes from the leaf at `index` to the root of `leaves`.

    The leaves are asked for one by one, and a digest of each is kept: 32 bytes.

    Raises:
        IndexError: there is no such leaf.
    """
    level = [leaf_digest(leaf) for leaf in leaves]
    if not 0 <= index < len(level):
        raise IndexError(f"there are {len(level)} leaves, and no leaf {index}")
    proof = []
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            proof.append(level[beside])
        last = [level[-1]] if len(level) % 2 else []  # alone on its level, it rises as it is
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [node_digest(left, right) for left, right in pairs] + last
        index >>= 1
    return tuple(proof)


def verify_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """`leaf` is the one at `index` (from 0) of the `size` leaves that `root` stands for.

    Guarantee: whoever finds a leaf, a place or a proof that pass here and were not there when the root
    was made has found two texts with one SHA-256. `size` is believed: it comes from where the root comes
    from.

    Raises:
        ProofRejected: the proof does not say so.
    """
    if root_by_proof(leaf_digest(leaf), index=index, size=size, proof=proof) != root:
        raise ProofRejected("the proof leads to another root")


def root_by_proof(digest: bytes, *, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that `proof` leads to from the digest of the leaf at `index`; any root of `size` leaves.

    Raises:
        ProofRejected: it leads to none: there is no such leaf, or the proof is too long or too short.
    """
    if not 0 <= index < size:
        raise ProofRejected(f"there is no leaf {index} among {size}")
    if any(len(each) != DIGEST_BYTES for each in (digest, *proof)):
        raise ProofRejected(f"a digest of the proof does not have {DIGEST_BYTES} bytes")
    place, last = index, size - 1  # of the node that is reached, and of its level's last one
    for beside in proof:
        if last == 0:
            raise ProofRejected("the proof is longer than the way to the root")
        if place & 1 or place == last:
            digest = node_digest(beside, digest)
            while place and not place & 1:  # levels on which it had nothing beside it
                place, last = place >> 1, last >> 1
        else:
            digest = node_digest(digest, beside)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofRejected("the proof is shorter than the way to the root")
    return digest
