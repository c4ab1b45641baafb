"""A proof is written and read alike, and proves its own row alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attestation.errors import Misconfigured
from contract.merkle import ProofRejected, root_of
from contract.row_proof import RowProof, parse_row_proof, prove_row, render_row_proof

ROWS = [f'{{"image": "{index}"}}\n'.encode() for index in range(11)]
ROOT = root_of(line.removesuffix(b"\n") for line in ROWS)


@pytest.mark.parametrize("index", range(11))
def test_each_row_is_proved(index: int) -> None:
    proof = parse_row_proof(render_row_proof(prove_row(iter(ROWS), index)).encode())
    assert (proof.row, proof.index, proof.size) == (ROWS[index][:-1], index, 11)
    assert proof == prove_row(ROWS, index)
    proof.verify(ROOT)
    assert proof.root() == ROOT
    with pytest.raises(ProofRejected):
        proof.verify(root_of(ROWS))


def test_a_row_that_is_not_there_has_no_proof() -> None:
    with pytest.raises(IndexError):
        prove_row(ROWS, 11)


def document(**changes: Any) -> bytes:
    written: dict[str, Any] = json.loads(render_row_proof(prove_row(ROWS, 4)))
    return json.dumps(
        {name: value for name, value in (written | changes).items() if value != "left out"}
    ).encode()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x89PNG", id="no text"),
        pytest.param(document(note=1), id="an unknown member"),
        pytest.param(document(row="left out"), id="no row"),
        pytest.param(document(row=1), id="a row that is no text"),
        pytest.param(document(hashes="00"), id="hashes that are no list"),
        pytest.param(document(hashes=["0" * 62 + "  "]), id="a hash with spaces"),
        pytest.param(document(hashes=["A" * 64]), id="a hash in capitals"),
        pytest.param(document(hashes=[1]), id="a hash that is a number"),
        pytest.param(document(index=True), id="an index that is no number"),
        pytest.param(document(size=1.0), id="a size with a fraction"),
    ],
)
def test_what_is_no_proof_is_rejected(data: bytes) -> None:
    with pytest.raises(ProofRejected):
        parse_row_proof(data)


@pytest.mark.parametrize("found", [2, "1", None])
def test_another_format_is_refused(found: object) -> None:
    with pytest.raises(Misconfigured, match="`format` in the proof is"):
        parse_row_proof(document(format=found) if found else document(format=0))


def test_a_row_in_another_place_is_rejected() -> None:
    proof = prove_row(ROWS, 4)
    with pytest.raises(ProofRejected):
        RowProof(index=5, size=11, row=proof.row, hashes=proof.hashes).verify(ROOT)
