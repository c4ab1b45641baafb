"""Short proofs that a list only grew: that what one root stands for is the beginning of another's.

Source: RFC 9162, section 2.1.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .merkle import DIGEST_BYTES, ProofRejected, fold, leaf_digest, node_digest
from .merkle_nodes import consistency_parts


def prove_consistency(leaves: Iterable[bytes], old: int) -> tuple[bytes, ...]:
    """The digests with which `verify_consistency` comes to the root of all `leaves`, and of the first `old`.

    The leaves are asked for one by one, and two digests of each are kept.

    Raises:
        IndexError: `old` is 0, or more than there are.
    """
    levels = [[leaf_digest(leaf) for leaf in leaves]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(
            [node_digest(left, right) for left, right in zip(below[::2], below[1::2], strict=False)]
        )
    parts = consistency_parts(old, len(levels[0]))
    return tuple(fold([levels[level][place] for level, place in part]) for part in parts)


def verify_consistency(*, old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """The `size` leaves that `root` stands for begin with the `old` ones that `old_root` stands for.

    Guarantee: whoever finds a proof that passes where that is not so has found two texts with one SHA-256.
    Both sizes are believed, each from where its root comes from. An empty list begins every list, which
    needs no proof and is refused here: a proof from nothing says nothing.

    Raises:
        ProofRejected: the proof does not say so.
    """
    if not 0 < old <= size:
        raise ProofRejected(f"nothing shows that {size} entries begin with {old}")
    if old == size:
        if proof or old_root != root:
            raise ProofRejected(f"there are two lists of {size}")
        return
    if any(len(each) != DIGEST_BYTES for each in proof):
        raise ProofRejected(f"a digest of the proof does not have {DIGEST_BYTES} bytes")
    place, last = old - 1, size - 1  # of the old list's last leaf, and of the list's
    while place & 1:  # up to where the old list's last complete tree stands
        place, last = place >> 1, last >> 1
    path = list(proof) if place else [old_root, *proof]  # the old list is one complete tree
    if not path:
        raise ProofRejected("the proof is empty")
    old_digest = digest = path[0]
    for beside in path[1:]:
        if last == 0:
            raise ProofRejected("the proof is longer than the way to the root")
        if place & 1 or place == last:
            old_digest, digest = node_digest(beside, old_digest), node_digest(beside, digest)
            while place and not place & 1:  # levels on which it had nothing beside it
                place, last = place >> 1, last >> 1
        else:
            digest = node_digest(digest, beside)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofRejected("the proof is shorter than the way to the root")
    if old_digest != old_root or digest != root:
        raise ProofRejected("the proof leads to other roots")
