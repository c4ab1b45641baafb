"""Which complete trees a root, or a proof, of a growing list is made of: what has to be looked up.

A *node* is the root of a complete tree, by its level (0: a leaf) and its place among those of its level. It
never changes once its leaves are there, whatever follows them. Whoever keeps the nodes makes every root and
every proof from a few dozen of them, for any size that the list has had.

Source: RFC 9162, sections 2.1.1, 2.1.3.1 and 2.1.4.1.
"""

from __future__ import annotations

from typing import TypeAlias

Node: TypeAlias = tuple[int, int]
Part: TypeAlias = tuple[Node, ...]
"""Nodes beside one another, whose `contract.merkle.fold` is one digest."""


def nodes_between(begin: int, end: int) -> Part:
    """The largest nodes over the leaves from `begin` on and before `end`, from left to right.

    >>> nodes_between(0, 7)
    ((2, 0), (1, 2), (0, 6))
    """
    nodes = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        nodes.append((level, begin >> level))
        begin += 1 << level
    return tuple(nodes)


def inclusion_parts(index: int, size: int) -> tuple[Part, ...]:
    """The parts of the proof that the leaf at `index` is among the first `size`: one for each digest.

    >>> inclusion_parts(4, 7)
    (((0, 5),), ((0, 6),), ((2, 0),))

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"there is no leaf {index} among {size}")
    parts = []
    begin, end = 0, size
    while end - begin > 1:
        split = begin + _split(end - begin)
        if index < split:
            parts.append(nodes_between(split, end))
            end = split
        else:
            parts.append(nodes_between(begin, split))
            begin = split
    return tuple(reversed(parts))


def consistency_parts(old: int, size: int) -> tuple[Part, ...]:
    """The parts of the proof that the first `size` leaves begin with the first `old`.

    >>> consistency_parts(6, 7)
    (((1, 2),), ((0, 6),), ((2, 0),))

    Raises:
        IndexError: `old` is 0, or more than there are.
    """
    if not 0 < old <= size:
        raise IndexError(f"there is no list of {old} at the beginning of {size}")
    parts = []
    begin, end = 0, size
    while old < end:
        split = begin + _split(end - begin)
        if old <= split:
            parts.append(nodes_between(split, end))
            end = split
        else:
            parts.append(nodes_between(begin, split))
            begin = split
    if begin:  # the old list ends inside: its last complete tree is no root that the verifier has
        parts.append(nodes_between(begin, end))
    return tuple(reversed(parts))


def _split(count: int) -> int:
    """The largest power of two below `count`, which is 2 at least."""
    return 1 << ((count - 1).bit_length() - 1)
