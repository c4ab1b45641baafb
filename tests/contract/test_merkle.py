"""The tree is RFC 6962's, and a proof holds for one leaf, in one place, of one list."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.merkle import Accumulator, ProofRejected, prove_inclusion, root_of, verify_inclusion

SIZES = range(1, 65)


def leaves_of(size: int) -> list[bytes]:
    return [f"row {index}".encode() for index in range(size)]


def as_the_rfc_defines_it(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word: split at the largest power of two below the number of leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = as_the_rfc_defines_it(leaves[:split]), as_the_rfc_defines_it(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", [0, *SIZES, 127, 128, 129, 1000])
def test_the_root_is_the_rfc_s(size: int) -> None:
    assert root_of(leaves_of(size)) == as_the_rfc_defines_it(leaves_of(size))


@given(st.lists(st.binary(max_size=80), max_size=40))
def test_the_root_is_the_rfc_s_whatever_the_leaves_are(leaves: list[bytes]) -> None:
    assert root_of(leaves) == as_the_rfc_defines_it(leaves)


def test_the_root_can_be_asked_for_after_each_leaf() -> None:
    accumulator, leaves = Accumulator(), leaves_of(20)
    for count, leaf in enumerate(leaves, 1):
        accumulator.append(leaf)
        assert (accumulator.size, accumulator.root()) == (count, as_the_rfc_defines_it(leaves[:count]))


def test_twenty_thousand_leaves_need_hardly_any_memory() -> None:
    tracemalloc.start()
    try:
        root_of(index.to_bytes(8, "big") for index in range(20_000))
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 20_000


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_is_proved_in_its_place_and_in_no_other(size: int) -> None:
    leaves = leaves_of(size)
    root = root_of(leaves)
    for index, leaf in enumerate(leaves):
        proof = prove_inclusion(leaves, index)
        verify_inclusion(leaf, index=index, size=size, proof=proof, root=root)
        assert len(proof) <= (size - 1).bit_length()
        for other in {*range(-1, size + 1)} - {index}:
            with pytest.raises(ProofRejected):
                verify_inclusion(leaf, index=other, size=size, proof=proof, root=root)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64])
def test_every_bit_that_is_flipped_is_refused(size: int) -> None:
    leaves = leaves_of(size)
    root = root_of(leaves)
    for index in {0, size // 2, size - 1}:
        proof = prove_inclusion(leaves, index)
        parts = [leaves[index], root, *proof]
        for place, part in enumerate(parts):
            for bit in range(len(part) * 8):
                flipped = bytearray(part)
                flipped[bit // 8] ^= 1 << bit % 8
                changed = [*parts[:place], bytes(flipped), *parts[place + 1 :]]
                leaf, stated, rest = changed[0], changed[1], changed[2:]
                with pytest.raises(ProofRejected):
                    verify_inclusion(leaf, index=index, size=size, proof=rest, root=stated)


@given(
    st.lists(st.binary(max_size=8), min_size=1, max_size=40),
    st.data(),
)
def test_a_proof_that_is_cut_lengthened_or_reordered_is_refused(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = prove_inclusion(leaves, index), root_of(leaves)
    others = [proof[:-1], proof[1:], (*proof, root), (root, *proof), proof[::-1]]
    for other in others:
        if other == proof:
            continue
        with pytest.raises(ProofRejected):
            verify_inclusion(leaves[index], index=index, size=len(leaves), proof=other, root=root)


@pytest.mark.parametrize("size", SIZES)
def test_a_node_is_no_leaf(size: int) -> None:
    """Without prefixes, the two children of a node, put together, would be a leaf of a smaller tree."""
    leaves = leaves_of(2 * size)
    pairs = [
        hashlib.sha256(b"\x00" + leaves[place]).digest()
        + hashlib.sha256(b"\x00" + leaves[place + 1]).digest()
        for place in range(0, 2 * size, 2)
    ]
    assert root_of(pairs) != root_of(leaves)


@pytest.mark.parametrize(
    "wrong", [b"", b"\x00" * 31, b"\x00" * 33], ids=["none", "one too few", "one too many"]
)
def test_a_digest_has_32_bytes(wrong: bytes) -> None:
    leaves = leaves_of(2)
    with pytest.raises(ProofRejected, match="32 bytes"):
        verify_inclusion(leaves[0], index=0, size=2, proof=[wrong], root=root_of(leaves))
    with pytest.raises(ProofRejected):
        verify_inclusion(leaves[0], index=0, size=2, proof=prove_inclusion(leaves, 0), root=wrong)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (2, 2)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        prove_inclusion(leaves_of(size), index)
    with pytest.raises(ProofRejected, match="there is no leaf"):
        verify_inclusion(b"row 0", index=index, size=size, proof=(), root=root_of(leaves_of(size)))


@pytest.mark.parametrize(
    ("proof", "said"), [((b"\x00" * 32,) * 9, "longer"), ((), "shorter")], ids=["too long", "too short"]
)
def test_a_proof_of_another_length_says_so(proof: tuple[bytes, ...], said: str) -> None:
    with pytest.raises(ProofRejected, match=said):
        verify_inclusion(b"row 0", index=0, size=5, proof=proof, root=root_of(leaves_of(5)))
