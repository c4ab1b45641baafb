"""A list that only grew is proved to have, and every other one is refused."""

from __future__ import annotations

import base64
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.merkle import ProofRejected, root_by_proof, root_of
from contract.merkle_consistency import prove_consistency, verify_consistency

DEFAULT = Path(__file__).parents[2].parent / "shared" / "vectors"
VECTORS = Path(os.environ.get("SYMBOLON_VECTORS", DEFAULT)) / "merkle" / "testdata.tar.gz"
NOT_HERE = "the vectors of transparency-dev are not beside this checkout (SYMBOLON_VECTORS)"
MOST = 33


def leaves_of(size: int) -> list[bytes]:
    return [f"entry {index}".encode() for index in range(size)]


ROOTS = [root_of(leaves_of(size)) for size in range(MOST + 1)]


def vectors(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each case of transparency-dev/merkle of that kind, by its path."""
    if not VECTORS.is_file():
        pytest.skip(NOT_HERE)
    with tarfile.open(VECTORS) as archive:
        for member in archive.getmembers():
            if member.isfile() and f"testdata/{kind}/" in member.name and member.name.endswith(".json"):
                file = archive.extractfile(member)
                assert file is not None
                yield member.name, json.load(file)


def decoded(case: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(case[name])


def proof_of(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(each) for each in case["proof"] or ()]


def test_proofs_that_a_list_grew_are_decided_as_transparency_dev_decides_them() -> None:
    outcomes = {}
    for name, case in vectors("consistency"):
        try:
            verify_consistency(
                old=case["size1"],
                old_root=decoded(case, "root1"),
                size=case["size2"],
                root=decoded(case, "root2"),
                proof=proof_of(case),
            )
        except ProofRejected:
            outcomes[name] = True
        else:
            outcomes[name] = False
        assert outcomes[name] == case["wantErr"], name
    assert sorted(outcomes.values()) == [False] * 6 + [True] * 92


def test_proofs_that_a_leaf_is_there_are_decided_as_transparency_dev_decides_them() -> None:
    outcomes = {}
    for name, case in vectors("inclusion"):
        try:
            root = root_by_proof(
                decoded(case, "leafHash"), index=case["leafIdx"], size=case["treeSize"], proof=proof_of(case)
            )
        except ProofRejected:
            outcomes[name] = True
        else:
            outcomes[name] = root != decoded(case, "root")
        assert outcomes[name] == case["wantErr"], name
    assert len(outcomes) == 98 and set(outcomes.values()) == {False, True}


@pytest.mark.parametrize("size", range(1, MOST))
def test_every_beginning_is_proved_and_no_other_list_is(size: int) -> None:
    for old in range(1, size + 1):
        proof = prove_consistency(leaves_of(size), old)
        verify_consistency(old=old, old_root=ROOTS[old], size=size, root=ROOTS[size], proof=proof)
        for other in {*range(size + 2)} - {old}:
            with pytest.raises(ProofRejected):
                verify_consistency(old=other, old_root=ROOTS[old], size=size, root=ROOTS[size], proof=proof)
        for root in (ROOTS[size + 1], ROOTS[size - 1]):
            with pytest.raises(ProofRejected):
                verify_consistency(old=old, old_root=ROOTS[old], size=size, root=root, proof=proof)


CHANGED = {
    "an entry was dropped": lambda leaves: leaves[:2] + leaves[3:],
    "two entries were exchanged": lambda leaves: [*leaves[:2], leaves[3], leaves[2], *leaves[4:]],
    "an entry was altered": lambda leaves: [*leaves[:2], b"another", *leaves[3:]],
    "an entry was put between": lambda leaves: [*leaves[:2], b"another", *leaves[2:]],
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("old", [4, 5, 7, 8])
def test_a_list_that_was_rewritten_has_no_proof(change: Any, old: int) -> None:
    rewritten = change(leaves_of(13))
    with pytest.raises(ProofRejected, match="other roots"):
        verify_consistency(
            old=old,
            old_root=ROOTS[old],
            size=len(rewritten),
            root=root_of(rewritten),
            proof=prove_consistency(rewritten, old),
        )


@pytest.mark.parametrize(("old", "size"), [(1, 2), (3, 7), (4, 8), (6, 7), (8, 13), (13, 32)])
def test_every_bit_that_is_flipped_and_every_digest_that_is_moved_is_refused(old: int, size: int) -> None:
    proof = prove_consistency(leaves_of(size), old)
    changed: list[tuple[bytes, ...]] = [proof[:-1], proof[1:], (*proof, ROOTS[old]), (ROOTS[old], *proof)]
    changed += [(*proof[:place], bytes(32), *proof[place + 1 :]) for place in range(len(proof))]
    changed += [(*proof[:place], proof[place][:31], *proof[place + 1 :]) for place in range(len(proof))]
    for place, part in enumerate(proof):
        for bit in range(256):
            flipped = bytearray(part)
            flipped[bit // 8] ^= 1 << bit % 8
            changed.append((*proof[:place], bytes(flipped), *proof[place + 1 :]))
    if len(proof) > 1:
        changed.append(proof[::-1])
    for other in changed:
        with pytest.raises(ProofRejected):
            verify_consistency(old=old, old_root=ROOTS[old], size=size, root=ROOTS[size], proof=other)


def test_a_proof_from_nothing_says_nothing() -> None:
    with pytest.raises(ProofRejected, match="nothing shows"):
        verify_consistency(old=0, old_root=ROOTS[0], size=3, root=ROOTS[3], proof=())
    with pytest.raises(IndexError):
        prove_consistency(leaves_of(3), 0)
