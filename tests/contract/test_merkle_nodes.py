"""Nodes that are kept make every root and every proof that the leaves themselves would make."""

from __future__ import annotations

import pytest

from contract.merkle import fold, leaf_digest, node_digest, prove_inclusion, root_of
from contract.merkle_consistency import prove_consistency, verify_consistency
from contract.merkle_nodes import Part, consistency_parts, inclusion_parts, nodes_between

MOST = 70


def leaves_of(size: int) -> list[bytes]:
    return [f"entry {index}".encode() for index in range(size)]


def kept() -> list[list[bytes]]:
    """The nodes of `MOST` leaves, level by level."""
    levels = [[leaf_digest(leaf) for leaf in leaves_of(MOST)]]
    while len(levels[-1]) > 1:
        pairs = zip(levels[-1][::2], levels[-1][1::2], strict=False)
        levels.append([node_digest(left, right) for left, right in pairs])
    return levels


NODES = kept()


def made_of(parts: tuple[Part, ...]) -> tuple[bytes, ...]:
    return tuple(fold([NODES[level][place] for level, place in part]) for part in parts)


@pytest.mark.parametrize("size", range(1, MOST))
def test_the_root_of_an_earlier_size_is_made_of_nodes_that_were_kept_later(size: int) -> None:
    assert made_of((nodes_between(0, size),)) == (root_of(leaves_of(size)),)


@pytest.mark.parametrize("size", range(1, MOST))
def test_a_proof_that_a_leaf_is_there_is_made_of_nodes(size: int) -> None:
    for index in range(size):
        assert made_of(inclusion_parts(index, size)) == prove_inclusion(leaves_of(size), index)


@pytest.mark.parametrize("size", range(1, MOST))
def test_a_proof_that_the_list_grew_is_made_of_nodes(size: int) -> None:
    """The verifier of RFC 9162 takes it, which does not know how it was made."""
    for old in range(1, size + 1):
        proof = made_of(consistency_parts(old, size))
        assert proof == prove_consistency(leaves_of(size), old)
        roots = root_of(leaves_of(old)), root_of(leaves_of(size))
        verify_consistency(old=old, old_root=roots[0], size=size, root=roots[1], proof=proof)


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 2**20, 2**20 + 1, 2**63 + 5])
def test_a_proof_needs_a_few_dozen_nodes_of_any_number(size: int) -> None:
    for place in {0, min(1, size - 1), size // 2, size - 1}:
        parts = inclusion_parts(place, size) + consistency_parts(place + 1, size)
        assert sum(len(part) for part in parts) <= 6 * 64


def test_a_range_that_begins_inside_a_tree_takes_the_nodes_that_lie_in_it() -> None:
    assert nodes_between(5, 11) == ((0, 5), (1, 3), (1, 4), (0, 10))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        inclusion_parts(index, size)


@pytest.mark.parametrize(("old", "size"), [(0, 0), (0, 3), (4, 3)])
def test_there_is_no_proof_that_a_list_grew_from_nothing_or_shrank(old: int, size: int) -> None:
    with pytest.raises(IndexError):
        consistency_parts(old, size)
